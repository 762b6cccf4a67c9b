"""What the care network refuses, in words for the person who asked."""


class CareNetworkError(ValueError):
    """Something asked of the care network can not be done; the text says why and what to do."""


class ProvisioningError(CareNetworkError):
    """A new area, household, resident, device or account breaks a rule."""


class LoginRefusedError(CareNetworkError):
    """A login did not succeed. The texts do not tell whether the login exists.

    ``retry_after_s``: seconds to wait before the next attempt is looked at; 0: now.
    """

    def __init__(self, message_zh: str, message_en: str, retry_after_s: int = 0) -> None:
        super().__init__(message_en)
        self.message_zh = message_zh
        self.message_en = message_en
        self.retry_after_s = retry_after_s
