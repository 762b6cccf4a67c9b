"""The family of a resident reads and acts: the sentence about their parent, the way of help, the family circle."""
