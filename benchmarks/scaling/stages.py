"""The stages that are measured, what of each grows, and how far."""

import dataclasses

from schema.errors import DataError

# What grows: users have 100 events each where events grow, and where users
# grow the log stays as long.
EVENTS, USERS, ITEMS = "events", "users", "items"
TEXTS, TOKENS, WIDTH = "texts", "characters", "width"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage.

    Attributes:
      name: As figures and the page call it.
      grows: What does.
      sizes: Three, ascending.
      work: `module:function` of this package; it takes a size and a folder of
        that size, which stages with the same `folder` share.
      about: What is done, in a few words.
      folder: Name of the folder; its own by default.
    """

    name: str
    grows: str
    sizes: tuple[int, int, int]
    work: str
    about: str
    folder: str = ""


STAGES = (
    Stage(
        name="behavior_log",
        grows=EVENTS,
        sizes=(50_000, 150_000, 450_000),
        work="logs:behavior_log",
        about="cleaning, sessions, labels, histories, examples",
    ),
    Stage(
        name="examples",
        grows=USERS,
        sizes=(300, 1_000, 3_000),
        work="logs:users_of_a_log",
        about="the same of 90,000 events, of more and more users",
    ),
    Stage(
        name="histories",
        grows=USERS,
        sizes=(10_000, 40_000, 160_000),
        work="logs:histories",
        about="merging the shards' histories of 50 steps, one stream",
    ),
    Stage(
        name="evaluation",
        grows=USERS,
        sizes=(1_000, 4_000, 16_000),
        work="retrieval:queries",
        about="ranking 20,000 items for a query of each user",
    ),
    Stage(
        name="evaluation_items",
        grows=ITEMS,
        sizes=(10_000, 40_000, 160_000),
        work="retrieval:catalogue",
        about="ranking a catalogue for 1,000 queries",
    ),
    Stage(
        name="index",
        grows=ITEMS,
        sizes=(7_000, 20_000, 60_000),
        work="retrieval:index",
        about="ScaNN's partitions, cut into blocks, tuned to .95",
    ),
    Stage(
        name="servable",
        grows=ITEMS,
        sizes=(5_000, 20_000, 80_000),
        work="servables:write",
        about="writing the SavedModel",
        folder="shop",
    ),
    Stage(
        name="load",
        grows=ITEMS,
        sizes=(5_000, 20_000, 80_000),
        work="servables:load",
        about="loading it in the model server",
        folder="shop",
    ),
    Stage(
        name="answer",
        grows=ITEMS,
        sizes=(5_000, 20_000, 80_000),
        work="servables:answer",
        about="one call of `recommend`, exact index",
        folder="shop",
    ),
    Stage(
        name="step_full",
        grows=ITEMS,
        sizes=(1_000, 4_000, 16_000),
        work="training:full_softmax",
        about="one step of the towers, softmax over all items",
    ),
    Stage(
        name="step_sampled",
        grows=ITEMS,
        sizes=(20_000, 60_000, 180_000),
        work="training:sampled_softmax",
        about="the same, 4,096 items drawn",
    ),
    Stage(
        name="text",
        grows=TEXTS,
        sizes=(30, 90, 270),
        work="texts:titles",
        about="encoding titles, e5-small-zh",
    ),
    Stage(
        name="text_length",
        grows=TOKENS,
        sizes=(16, 64, 256),
        work="texts:lengths",
        about="encoding 32 texts of more and more characters",
    ),
    Stage(
        name="step_width",
        grows=WIDTH,
        sizes=(32, 64, 128),
        work="training:width",
        about="one step over 4,000 items, wider and wider vectors",
    ),
    Stage(
        name="index_width",
        grows=WIDTH,
        sizes=(32, 64, 128),
        work="retrieval:width",
        about="the index of 5,000 items",
    ),
)


def by_names(names: tuple[str, ...]) -> tuple[Stage, ...]:
    """Returns the stages of these names, all for none.

    Raises:
      DataError: There is no stage of a name.
    """
    known = [stage.name for stage in STAGES]
    for name in names:
        if name not in known:
            raise DataError(
                f"there is no stage {name!r}; allowed: {', '.join(known)}"
            )
    return tuple(s for s in STAGES if not names or s.name in names)
