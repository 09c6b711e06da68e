"""DuckDB doing what the node does; in an environment of its own.

`python duckdb_peer.py FOLDER SETTINGS` reads the log of `FOLDER`, cleans it,
cuts sessions and joins the history as of each impression, by the same rules,
and leaves `FOLDER/peer/examples.parquet`, `histories.parquet`,
`dead_letters.parquet` and, with costs and counts, `FOLDER/peer.json`.
"""

import importlib.metadata
import json
import pathlib
import runpy
import sys

import duckdb

_TEXTS = (
    "user_id",
    "item_id",
    "event_type",
    "session_id",
    "query",
    "scene",
    "city",
    "device",
)


def _statements(about: dict, folder: pathlib.Path) -> list[str]:
    """Returns the whole of it as SQL, a stage a statement."""
    kinds = ", ".join(f"'{kind}'" for kind in about["event_types"])
    steps = ", ".join(map(str, about["step_codes"]))
    on_item = ", ".join(map(str, about["item_codes"]))
    texts = ",\n".join(f"coalesce(e.{name}, '') AS {name}" for name in _TEXTS)
    too_long = " OR ".join(
        f"length(e.{name}) > {about['max_text_characters']}" for name in _TEXTS
    )
    history = about["max_history"]
    return [
        f"""
        CREATE TABLE items AS
        SELECT item_id, row_number() OVER (ORDER BY item_id) - 1 AS item
        FROM '{folder}/items.parquet'
        """,
        f"""
        CREATE TABLE checked AS
        SELECT {texts},
          e.timestamp AS ts,
          list_position([{kinds}], e.event_type) - 1 AS type,
          coalesce(i.item, -1) AS item,
          coalesce(e.position, -1) AS position,
          CASE
            WHEN {too_long} THEN 'text_too_long'
            WHEN coalesce(e.user_id, '') = '' THEN 'empty_user'
            WHEN type IS NULL THEN 'unknown_event_type'
            WHEN e.timestamp IS NULL OR e.timestamp <= 0
              OR e.timestamp > {about["latest_timestamp"]}
              THEN 'bad_timestamp'
            WHEN type IN ({on_item}) AND coalesce(e.item_id, '') = ''
              THEN 'missing_item'
            WHEN type IN ({on_item}) AND i.item IS NULL THEN 'unknown_item'
            WHEN e.price < 0 THEN 'negative_price'
            WHEN NOT isfinite(e.price) THEN 'bad_price'
          END AS reason
        FROM '{folder}/events/*.parquet' e LEFT JOIN items i USING (item_id)
        """,
        f"""
        COPY (SELECT * FROM checked WHERE reason IS NOT NULL)
        TO '{folder}/peer/dead_letters.parquet' (COMPRESSION zstd)
        """,
        f"""
        CREATE TABLE distinct_events AS
        SELECT user_id, ts, item, type, query,
          max(struct_pack(
            a := session_id, b := scene, c := position, d := city, e := device
          )) AS rest
        FROM (
          SELECT * REPLACE (
            CASE WHEN type IN ({on_item}) THEN item ELSE -1 END AS item
          ) FROM checked WHERE reason IS NULL
        )
        GROUP BY ALL
        """,
        f"""
        CREATE TABLE bots AS
        SELECT DISTINCT user_id FROM (
          SELECT user_id, ts, lead(ts, {about["max_events_per_hour"]})
            OVER (PARTITION BY user_id ORDER BY ts) AS later
          FROM distinct_events
        ) WHERE later < ts + 3600
        UNION
        SELECT DISTINCT user_id FROM (
          SELECT user_id, ts, lead(ts, {about["max_events_per_second"]})
            OVER (PARTITION BY user_id ORDER BY ts) AS later
          FROM distinct_events WHERE type != {about["impression"]}
        ) WHERE later < ts + 1
        """,
        f"""
        CREATE TABLE kept AS
        WITH of_people AS (
          SELECT user_id, ts, item, type, query, rest.a AS session_id,
            rest.b AS scene, rest.c AS position, rest.d AS city,
            rest.e AS device
          FROM distinct_events WHERE user_id NOT IN (FROM bots)
        ), cut AS (
          SELECT *, session_id = '' AND coalesce(
            ts - lag(ts) OVER (
              PARTITION BY user_id, session_id = '' ORDER BY ts
            ) > {about["session_gap_seconds"]}, true) AS new
          FROM of_people
        )
        SELECT * EXCLUDE (new, session_id),
          CASE WHEN session_id = '' THEN user_id || '@' || max(
            CASE WHEN new THEN ts END) OVER (
              PARTITION BY user_id, session_id = '' ORDER BY ts
            )
          ELSE session_id END AS session_id
        FROM cut
        """,
        f"""
        CREATE TABLE led AS
        WITH searches AS (
          SELECT user_id, session_id, ts, max(query) AS found
          FROM kept WHERE type = {about["search"]} AND query != ''
          GROUP BY ALL
        )
        SELECT k.*, CASE
            WHEN k.query != '' THEN k.query
            WHEN k.scene IN ('', 'search') THEN coalesce(s.found, '')
            ELSE '' END AS led_by
        FROM kept k ASOF LEFT JOIN searches s
          ON k.user_id = s.user_id AND k.session_id = s.session_id
          AND k.ts > s.ts
        """,
        f"""
        CREATE TABLE step_events AS
        WITH marked AS (
          SELECT user_id, ts, item, type, led_by, session_id, query,
            coalesce(item != lag(item) OVER mine
              OR session_id != lag(session_id) OVER mine, true) AS new
          FROM led WHERE type IN ({steps})
          WINDOW mine AS (
            PARTITION BY user_id ORDER BY ts, item, type, query)
        ), numbered AS (
          SELECT *, sum(new::int) OVER (
            PARTITION BY user_id ORDER BY ts, item, type, query
            ROWS UNBOUNDED PRECEDING) AS n
          FROM marked
        )
        SELECT *,
          max(type) OVER one_step AS deepest,
          row_number() OVER one_step AS place
        FROM numbered WINDOW one_step AS (
          PARTITION BY user_id, n ORDER BY ts, item, type, query
          ROWS UNBOUNDED PRECEDING)
        """,
        """
        CREATE TABLE lists AS
        WITH steps AS (
          SELECT user_id, n, any_value(item) AS item, min(ts) AS ts,
            max(type) AS type, arg_min(led_by, place) AS led_by
          FROM step_events GROUP BY user_id, n
        )
        SELECT user_id, list(item_id ORDER BY n) AS items,
          list(type ORDER BY n) AS types, list(ts ORDER BY n) AS times,
          list(led_by ORDER BY n) AS queries
        FROM steps JOIN items USING (item) GROUP BY user_id
        """,
        f"""
        COPY (
          WITH known AS (
            SELECT user_id, ts, max(n) AS n,
              arg_max(deepest, n * 1000000 + place) AS deepest
            FROM step_events GROUP BY user_id, ts
          ), asked AS (
            SELECT i.*, coalesce(k.n, 0) AS n, k.deepest
            FROM led i ASOF LEFT JOIN known k
              ON i.user_id = k.user_id AND i.ts > k.ts
            WHERE i.type = {about["impression"]}
          )
          SELECT a.user_id, a.session_id, a.ts, a.led_by AS query, a.scene,
            a.city, a.device, a.position, i.item_id,
            l.items[greatest(n - {history - 1}, 1):n] AS history_item_ids,
            l.types[greatest(n - {history - 1}, 1):n - 1] || [a.deepest]
              AS history_event_types,
            l.times[greatest(n - {history - 1}, 1):n] AS history_timestamps,
            l.queries[greatest(n - {history - 1}, 1):n] AS history_queries
          FROM asked a LEFT JOIN lists l USING (user_id)
            JOIN items i ON a.item = i.item
        ) TO '{folder}/peer/examples.parquet' (COMPRESSION zstd)
        """,
        f"""
        COPY (
          SELECT user_id, items[-{history}:] AS history_item_ids,
            types[-{history}:] AS history_event_types,
            times[-{history}:] AS history_timestamps,
            queries[-{history}:] AS history_queries
          FROM lists ORDER BY user_id
        ) TO '{folder}/peer/histories.parquet' (COMPRESSION zstd)
        """,
    ]


_COUNTS = """
    SELECT
      (SELECT count(*) FROM checked) AS "in",
      (SELECT count(*) FROM kept) AS kept,
      (SELECT count(*) FROM checked WHERE reason IS NULL)
        - (SELECT count(*) FROM distinct_events) AS deduplicated,
      (SELECT count(*) FROM distinct_events) - (SELECT count(*) FROM kept)
        AS bots,
      (SELECT count(*) FROM checked WHERE reason IS NOT NULL) AS quarantined,
      (SELECT count(DISTINCT user_id) FROM kept) AS users,
      (SELECT count(*) FROM bots) AS bot_users,
      (SELECT count(*) FROM (SELECT DISTINCT user_id, session_id FROM kept))
        AS sessions
"""


def main(folder: pathlib.Path, about: dict) -> None:
    """Does it all, and leaves what it cost."""
    # From the file beside this one: Daogou is not installed here.
    costs_path = pathlib.Path(__file__).with_name("costs.py")
    measured = runpy.run_path(str(costs_path))["measured"]
    (folder / "peer").mkdir()
    base = duckdb.connect(str(folder / "peer.duckdb"))
    base.execute("SET preserve_insertion_order = false")
    base.execute(f"SET threads = {about['threads']}")
    base.execute(f"SET memory_limit = '{about['memory']}'")
    with measured() as costs:
        for statement in _statements(about, folder):
            base.execute(statement)
    counted = base.execute(_COUNTS)
    names = [column[0] for column in counted.description]
    counts = dict(zip(names, counted.fetchone(), strict=True))
    (folder / "peer.json").write_text(
        json.dumps(
            {
                **costs,
                "counts": counts,
                "duckdb": importlib.metadata.version("duckdb"),
            }
        )
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))
