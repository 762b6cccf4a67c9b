"""The errors of the device language."""


class DeviceLanguageError(ValueError):
    """Base of the errors in data of a device, a gateway or a profile. The text is meant for its operator."""


class DecodeError(DeviceLanguageError):
    """Bytes or JSON from a device or gateway cannot be understood; the text says where and why."""


class WrongGatewayError(DecodeError):
    """A message names another gateway than the topic under which it came."""


class ProfileError(DeviceLanguageError):
    """A channel table or device profile breaks its own rules; the text names the file and the key."""
