"""Loggers of a replica, under one name: `gong.node.<part>`."""

import logging


def logger(part: str) -> logging.Logger:
    """The logger of one part of the runtime."""
    return logging.getLogger(f"gong.node.{part}")
