"""Paths of areas: labels joined by dots, from the city down (``shenzhen.yantian.haishan``), as PostgreSQL's ltree."""


def within(path: str, area: str) -> bool:
    """Whether ``path`` is ``area`` or lies below it."""
    return path == area or path.startswith(f"{area}.")
