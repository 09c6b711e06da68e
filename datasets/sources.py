"""Which conversion each source needs; presets name their source."""

from datasets import amazon_cn, jdata, movielens, sequences, tabular, taobao

# Each takes (source_dir, data_dir) and returns counts of each table.
CONVERT = {
    "amazon-cn": amazon_cn.convert,
    "beauty": sequences.convert,
    "jdata": jdata.convert,
    "movielens": movielens.convert,
    "production": tabular.convert,
    "sequences": sequences.convert,
    "taobao": taobao.convert,
}
