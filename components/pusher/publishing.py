"""Makes a version folder appear in one step; knows nothing of TFX.

A model server takes every folder whose name is a number. So a version is
copied under a name that is none and renamed when it is complete: killed at
any moment, a push leaves either the old versions alone or one more that is
whole. Object stores have no folders and cannot rename one in one step; there
a version is written in place, `saved_model.pb` last, without which no server
loads it.
"""

import os
import posixpath
import time

import tensorflow as tf

from schema.errors import DataError

SAVED_MODEL_FILE = "saved_model.pb"
_TEMPORARY_PREFIX = ".tmp-"
# File systems whose folders are renamed in one step; paths without a scheme
# are local.
_RENAMING_SCHEMES = ("file", "hdfs", "viewfs")
# Two pushes at once may want the same number; each tries the next.
_ATTEMPTS = 10


def publish(
    model_dir: str, base_dir: str, now: float | None = None
) -> tuple[str, str]:
    """Copies a SavedModel to a new version folder.

    Args:
      model_dir: The SavedModel.
      base_dir: The folder of versions that the server watches.
      now: Unix seconds, the clock's where None.

    Returns:
      Path of the version and its name, which is `now` or, where a version of
      that number or a later one is there, the one after the last.

    Raises:
      DataError: `model_dir` is no SavedModel, or others push without end.
    """
    files = tf.io.gfile
    if not files.exists(posixpath.join(model_dir, SAVED_MODEL_FILE)):
        raise DataError(
            f"{model_dir} holds no {SAVED_MODEL_FILE}: there is nothing to push"
        )
    files.makedirs(base_dir)
    remove_stale(base_dir)
    seconds = int(time.time() if now is None else now)
    version = _next_version(base_dir, seconds)
    if not _renames_in_one_step(base_dir):
        path = posixpath.join(base_dir, str(version))
        _copy_tree(model_dir, path)
        return path, str(version)
    temporary = posixpath.join(
        base_dir, f"{_TEMPORARY_PREFIX}{version}-{os.getpid()}"
    )
    _copy_tree(model_dir, temporary)
    for _ in range(_ATTEMPTS):
        path = posixpath.join(base_dir, str(version))
        try:
            files.rename(temporary, path)
        except (
            tf.errors.AlreadyExistsError,
            tf.errors.FailedPreconditionError,
        ):
            version = _next_version(base_dir, seconds)
            continue
        return path, str(version)
    files.rmtree(temporary)
    raise DataError(
        f"{base_dir}: other pushes took every version that was tried, the "
        f"last {version}; push again when they are done"
    )


def versions(base_dir: str) -> list[int]:
    """Returns the versions of a folder, ascending."""
    if not tf.io.gfile.isdir(base_dir):
        return []
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(base_dir))
    return sorted(
        int(name) for name in names if name.isascii() and name.isdigit()
    )


def remove_stale(base_dir: str) -> list[str]:
    """Removes what killed pushes left; returns the names.

    What another running process of this machine is writing stays. Pushes to
    one folder from several machines must not run at the same time.
    """
    removed = []
    for entry in tf.io.gfile.listdir(base_dir):
        name = entry.rstrip("/")
        if name.startswith(_TEMPORARY_PREFIX) and not _is_being_written(name):
            tf.io.gfile.rmtree(posixpath.join(base_dir, name))
            removed.append(name)
    return removed


def _next_version(base_dir: str, seconds: int) -> int:
    return max([seconds, *(version + 1 for version in versions(base_dir))])


def _renames_in_one_step(base_dir: str) -> bool:
    scheme, separator, _ = base_dir.partition("://")
    return not separator or scheme in _RENAMING_SCHEMES


def _is_being_written(name: str) -> bool:
    pid = name.rpartition("-")[2]
    if not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _copy_tree(source: str, target: str) -> None:
    files = tf.io.gfile
    for folder, _, names in files.walk(source):
        relative = posixpath.relpath(folder, source)
        into = posixpath.normpath(posixpath.join(target, relative))
        files.makedirs(into)
        # The file that makes it a model comes last; walk is top down.
        for name in names:
            if relative != "." or name != SAVED_MODEL_FILE:
                files.copy(
                    posixpath.join(folder, name),
                    posixpath.join(into, name),
                    overwrite=True,
                )
    files.copy(
        posixpath.join(source, SAVED_MODEL_FILE),
        posixpath.join(target, SAVED_MODEL_FILE),
        overwrite=True,
    )
