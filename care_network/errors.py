"""What the care network refuses, in words for the person who asked."""

from vocabulary.errors import BilingualError


class CareNetworkError(ValueError):
    """Something asked of the care network can not be done; the text says why and what to do."""


class ProvisioningError(BilingualError, CareNetworkError):
    """A new area, household, resident, device, shift or account breaks a rule.

    ``field``: the field that is wrong, where it is one; ``code``: the sort of refusal, for programs.
    """

    code = "invalid"

    def __init__(self, *, en: str, zh: str = "", field: str | None = None) -> None:
        super().__init__(en=en, zh=zh)
        self.field = field


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


class LoginRefusedError(BilingualError, CareNetworkError):
    """A login did not succeed. The texts do not tell whether the login exists.

    ``retry_after_s``: seconds to wait before the next attempt is looked at; 0: now.
    """

    def __init__(self, *, zh: str, en: str, retry_after_s: int = 0) -> None:
        super().__init__(en=en, zh=zh)
        self.retry_after_s = retry_after_s
