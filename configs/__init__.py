"""One strict loader for every YAML that Linli reads, and the structs they become."""

from configs.loader import (
    folders,
    load,
    load_any,
    load_edge,
    load_hub,
    load_site,
    load_web,
    rule_files,
    site_files,
)
from configs.problems import ConfigError, Problem

__all__ = [
    "ConfigError",
    "Problem",
    "folders",
    "load",
    "load_any",
    "load_edge",
    "load_hub",
    "load_site",
    "load_web",
    "rule_files",
    "site_files",
]
