"""Pages of the intake and what is stored: quarantine, gaps, storage, and the channels of messages."""
