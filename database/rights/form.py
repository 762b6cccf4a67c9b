"""The form in which rights are written down: a service's rights, and what a part of the platform adds."""

from collections.abc import Mapping

import msgspec

PREFIX = "shouwang_"
BY_VIEWER = "console"
"""The service whose role sees the rows of whoever asks (:mod:`database.rights.row_security`)."""
OF_CONSOLE = ("login", "links", "board")
"""Further logins of the console's program: what checks passwords, pages behind a signed link, what all desks share."""


def role_of(service: str) -> str:
    """The name of a service's role."""
    return f"{PREFIX}{service}"


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Tables and views by what may be done with them, names with blanks between them; columns where not all count."""

    select: str = ""
    insert: str = ""
    update: str = ""
    delete: str = ""
    columns: tuple[tuple[str, str, str], ...] = ()
    """(right, table, columns)."""
    functions: str = ""

    def tables(self) -> set[str]:
        """The tables and views on which there is any right."""
        listed = " ".join((self.select, self.insert, self.update, self.delete)).split()
        return {*listed, *(table for _, table, _ in self.columns)}

    def with_more(self, more: "Rights") -> "Rights":
        """These rights and some more."""
        words = {
            name: " ".join(dict.fromkeys(f"{getattr(self, name)} {getattr(more, name)}".split()))
            for name in ("select", "insert", "update", "delete")
        }
        words["functions"] = f"{self.functions} {more.functions}".strip()
        return Rights(**words, columns=tuple(dict.fromkeys((*self.columns, *more.columns))))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Additions of a part of care and services, for its own tables, to rights, policies and decisions."""

    grants: Mapping[str, Rights] = {}
    """By service."""
    rows: Mapping[str, Mapping[str, str]] = {}
    """By table and command, as in :data:`database.rights.row_security.ROWS`."""
    nobodys: str = ""
    """Tables that the console only reads, with nobody's name in them, blanks between them."""
    written_by_all: str = ""
    """Tables that families write, too, each for themself."""
    told_by_families: str = ""
    """Tables that families write, too, to tell the platform something."""
    written_by_providers: str = ""
    """Tables of which people of a provider change rows of their own organisation."""
    owner_only: str = ""
    """Tables that no service touches."""
    decisions: Mapping[str, str] = {}
    """Tables by who sees a row of them, in words, as in :data:`database.rights.decisions.DECISIONS`."""
    roles_that: Mapping[str, tuple[str, ...]] = {}
    """Roles by the permission that a policy asks for (``may``)."""


def lock(table: str) -> tuple[str, str, str]:
    """The right to lock a row, by that to set a column that cannot be set (SELECT … FOR UPDATE asks for one)."""
    return ("UPDATE", table, "id")
