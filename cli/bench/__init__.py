"""`daogou bench`: what Daogou costs and gives, measured on this machine."""

import click

from cli import options
from cli.lazy_group import LazyGroup

# Name of a benchmark and where it stands, in the order in which help lists
# them.
BENCHMARKS = {
    "text": "cli.bench.text:text",
    "text-rerun": "cli.bench.text:text_rerun",
    "student": "cli.bench.student:student",
    "fine-tuning": "cli.bench.tuning:fine_tuning",
    "import": "cli.bench.encoder_import:import_checkpoints",
    "events": "cli.bench.events:events",
    "quality": "cli.bench.quality:quality",
    "coldstart": "cli.bench.quality:coldstart",
    "search": "cli.bench.quality:search",
    "ranking": "cli.bench.ranking:ranking",
    "off-policy": "cli.bench.off_policy:off_policy",
    "index": "cli.bench.index:index",
    "items": "cli.bench.items:items",
    "training": "cli.bench.training:training",
    "scaling": "cli.bench.scaling:scaling",
    "servable": "cli.bench.servable:servable",
    "explanations": "cli.bench.explanations:explanations",
    "server": "cli.bench.server:server",
    "faults": "cli.bench.server:faults",
    "cache": "cli.bench.cache:cache",
    "personal-search": "cli.bench.personal_search:personal_search",
    "context": "cli.bench.context:context",
    "campaigns": "cli.bench.campaigns:campaigns",
    "assistant": "cli.bench.assistant:assistant",
    "copywriting": "cli.bench.copywriting:copywriting",
    "ads": "cli.bench.ads:ads",
    "exploration": "cli.bench.exploration:exploration",
    "churn": "cli.bench.churn:churn",
    "profile": "cli.bench.profile:profile",
    "classify": "cli.bench.classify:classify",
    "intent": "cli.bench.intent:intent",
    "intent-job": "cli.bench.intent_job:intent_job",
    "update": "cli.bench.update:update",
    "images": "cli.bench.images:images",
}


@click.group(
    cls=LazyGroup,
    places=BENCHMARKS,
    epilog=options.examples("daogou bench text --data ../shared/data"),
)
def bench() -> None:
    """Measure Daogou, peers beside it, on this machine."""
