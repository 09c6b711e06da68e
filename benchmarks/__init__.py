"""Measurements that the README quotes, one file a `daogou bench NAME`."""
