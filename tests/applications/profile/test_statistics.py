import numpy as np
import pyarrow as pa
import pytest

from applications.profile import themes
from applications.profile.sensitive import WORDS, is_minor, is_sensitive
from applications.profile.statistics import above_usual, band_chances


def test_shares_above_the_usual_by_hand():
    times, sure = above_usual(
        np.array([6.0, 0.0, 0.0]), np.array([0.25, 0.75, 0.0]), 4.0
    )
    # (6 + 4/4) of 10 against a quarter.
    assert times.tolist() == pytest.approx([0.7 / 0.25, 0.3 / 0.75, 1.0])
    # Log-odds log(7/3) - log(1/3), spread sqrt(1/7 + 1/3): z = 2.82.
    assert sure.tolist() == pytest.approx([0.9976, 0.0024, 0.0], abs=1e-4)
    nothing, unsure = above_usual(np.zeros(2), np.array([0.5, 0.5]), 4.0)
    assert nothing.tolist() == [1.0, 1.0]
    assert unsure.tolist() == [0.5, 0.5]


def test_bands_of_price():
    edges = 0.45, 0.55
    mean, likely = band_chances(np.zeros(0), np.zeros(0), edges, 3.0)
    assert mean == 0.5
    assert likely[0] == pytest.approx(likely[2])
    mean, likely = band_chances(np.full(7, 0.9), np.ones(7), edges, 3.0)
    assert mean == pytest.approx((7 * 0.9 + 1.5) / 10)
    assert likely.sum() == pytest.approx(1)
    assert likely[2] > 0.99


def test_chances_of_themes_by_hand():
    paths = ["母婴/喂养", "母婴", "母婴系", "家电/厨房/电饭煲", "其他"]
    belongs = themes.members(pa.array(paths))
    names = [theme.name for theme in themes.THEMES]
    baby, kitchen = names.index("选购母婴用品"), names.index("选购厨房与食材")
    assert belongs[:, baby].tolist() == [True, True, False, False, False]
    assert belongs[:, kitchen].tolist() == [False, False, False, True, False]
    base = np.array([0.1, 0.1, 0.2, 0.2, 0.4])
    none = themes.chances(np.zeros(5), base, belongs)
    assert none.tolist() == pytest.approx([1 / (len(names) + 1)] * len(none))
    # Twice 母婴: three times as likely each, of shares that sum to 1.4.
    counts = np.array([2.0, 0, 0, 0, 0])
    likely = themes.chances(counts, base, belongs)
    assert likely[baby] / likely[-1] == pytest.approx((3 / 1.4) ** 2)
    assert likely[kitchen] / likely[-1] == pytest.approx((1 / 1.4) ** 2)
    assert likely.sum() == pytest.approx(1)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_list_hides(word):
    assert is_sensitive(pa.array([f"百货/{word.upper()}类/其他"])).all()


def test_what_is_harmless_stays():
    texts = ["母婴/喂养/婴儿奶粉", "家电/厨房/电饭煲", "Toy Story (1995)", ""]
    assert not is_sensitive(pa.array(texts)).any()
    assert is_minor(" Under 18 ")
    assert not is_minor("18-24")
    assert not is_minor("")
