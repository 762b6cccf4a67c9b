"""Refusals of the care network, in words for the person who asked."""

from vocabulary.errors import BilingualError


class CareNetworkError(BilingualError, ValueError):
    """The care network cannot do what was asked; the texts say why and what to do."""


class ProvisioningError(CareNetworkError):
    """A new area, household, resident, device, shift or account breaks a rule.

    ``field``: the wrong field, where it is one; ``code``: the sort of refusal, for programs.
    """

    code = "invalid"

    def __init__(self, *, en: str, zh: str, field: str | None = None) -> None:
        super().__init__(en=en, zh=zh)
        self.field = field


class MalformedError(ProvisioningError):
    """A field is missing, unknown, or not of the form that its type asks for.

    The texts name the field's type as programs know it (a pattern, a range); a form can say better, in its own words,
    what to write there. ``missing``: the field is not there at all.
    """

    def __init__(self, *, en: str, zh: str, field: str | None = None, missing: bool = False) -> None:
        super().__init__(en=en, zh=zh, field=field)
        self.missing = missing


class ExistsError(ProvisioningError):
    """The code is taken."""

    code = "exists"


class NotFoundError(ProvisioningError):
    """There is no such record, or it is not in the asker's area: the text does not tell which."""

    code = "not_found"


class StillUsedError(ProvisioningError):
    """Other records need this one."""

    code = "still_used"


class ChangedMeanwhileError(ProvisioningError):
    """Somebody else changed the record since it was read: read it again and decide anew."""

    code = "changed_meanwhile"


class NotPermittedError(ProvisioningError):
    """The asker's role or area does not allow it."""

    code = "not_permitted"


class KeyFileError(CareNetworkError):
    """The key of the medical notes is missing, damaged or the wrong one."""

    code = "key"


class LoginRefusedError(CareNetworkError):
    """A login did not succeed. The texts do not tell whether the login exists.

    ``retry_after_s``: seconds to wait before the next attempt is looked at; 0: now.
    """

    def __init__(self, *, en: str, zh: str, retry_after_s: int = 0) -> None:
        super().__init__(en=en, zh=zh)
        self.retry_after_s = retry_after_s
