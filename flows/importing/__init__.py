"""Networks made elsewhere become the same artefacts as exports of our own."""
