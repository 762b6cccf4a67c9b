"""The device language: channels, events, device models, payload decoders, wire messages."""
