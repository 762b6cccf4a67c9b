"""Identity numbers of residents: checked, encrypted, searched by a keyed hash, shown masked."""
