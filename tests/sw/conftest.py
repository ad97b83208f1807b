"""What all tests of trainings share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Small steps: a second thread costs more than it gives."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
