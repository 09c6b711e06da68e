from pipeline.records import NodeRecord
from pipeline.report.collect import catalogue_dir


def test_the_items_that_models_read_are_those_that_were_understood():
    records = {"Catalogue": NodeRecord(outputs={"catalogue": "said"})}
    assert catalogue_dir(records) == "said"
    understood = NodeRecord(outputs={"understood": "told"})
    records["ItemUnderstanding"] = understood
    assert catalogue_dir(records) == "told"
    understood.state = "failed"
    assert catalogue_dir(records) == "said"
    assert catalogue_dir({}) is None
