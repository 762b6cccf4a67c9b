"""One file a channel: how a message leaves the platform. Settings are data, errors say whether to try again."""
