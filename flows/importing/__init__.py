"""Import of foreign networks: they become the same artefacts as networks trained here."""
