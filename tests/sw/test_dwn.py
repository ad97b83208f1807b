"""Neurons that are tables: what they answer, how their entries and inputs learn, what is deployed."""

import torch

from xnorforge.sw.methods import base, dwn
from xnorforge.sw.nn import binary

from . import test_methods

NET = test_methods.NET


def layer(inputs, tables, wires):
    """A layer in training with these tables of -1 and +1 and inputs that stay."""
    made = dwn.Lookup(inputs, len(tables), len(wires[0]), learned=False)
    with torch.no_grad():
        made.dot.weight.copy_(torch.tensor(tables).float().view(-1, 1))
        made.wires.copy_(torch.tensor(wires))
    binary.prepare(made)
    return made


def test_extended_finite_differences_by_hand():
    """Of a table of two bits, by the paper's formula: an entry counts half where the other bit differs."""
    assert dwn.finite_differences(1).tolist() == [[[-1, -1], [1, 1]]]
    first, second = dwn.finite_differences(2)
    assert first[:, 0].tolist() == [-1, 1, -0.5, 0.5] and first[:, 3].tolist() == [-0.5, 0.5, -1, 1]
    assert second[:, 0].tolist() == [-1, -0.5, 1, 0.5] and second[:, 1].tolist() == [-0.5, -1, 0.5, 1]


def test_a_neuron_answers_with_the_entry_that_its_bits_are_the_number_of():
    """Equality of inputs 2 and 0, and input 1 without a look at input 0."""
    given = layer(3, [[1, -1, -1, 1], [-1, -1, 1, 1]], [[2, 0], [0, 1]])
    x = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    answers = given(x)
    assert answers[:, 0].tolist() == (x[:, 0] * x[:, 2]).tolist()
    assert answers[:, 1].tolist() == x[:, 1].tolist()


def test_gradients_reach_the_entries_that_answered_and_the_bits_by_what_they_change():
    given = layer(2, [[-1, 1, 1, 1]], [[0, 1]])
    x = torch.tensor([[-1.0, -1.0], [1.0, -1.0]], requires_grad=True)
    (given(x) * torch.tensor([[3.0], [5.0]])).sum().backward()
    assert given.dot.weight.grad.flatten().tolist() == [3, 5, 0, 0]
    # Halves, as a bit moves by 2. At 0: inputs change (2 + 0 / 2) / 2; at 1 input 1 changes (0 + 2 / 2) / 2.
    assert x.grad.tolist() == [[3.0, 3.0], [5.0, 2.5]]


def test_preferences_learn_from_every_input_and_the_preferred_is_read():
    given = dwn.Lookup(4, 1, 1, learned=True)
    binary.prepare(given)
    with torch.no_grad():
        given.preference.copy_(torch.tensor([[0.0, 0.0, 1.0, 0.0]]))
        given.dot.weight.copy_(torch.tensor([[-1.0], [1.0]]))
    x = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    answers = given(x)
    assert answers.flatten().tolist() == [1, -1]
    answers.backward(torch.tensor([[1.0], [2.0]]))
    assert given.preference.grad.tolist() == [[3.0, 1.0, -1.0, -3.0]]


def test_a_table_learns_what_no_threshold_of_its_bits_is():
    """The parity of three bits."""
    given = layer(3, torch.zeros(1, 8).tolist(), [[0, 1, 2]])
    x = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)])
    wanted, optimiser = x.prod(1), torch.optim.Adam(given.parameters(), 0.1)
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.softplus(-given(x)[:, 0] * wanted).sum().backward()
        optimiser.step()
    assert torch.equal(given(x)[:, 0], wanted)


def test_scores_are_the_sums_of_groups_and_a_network_keeps_its_sizes():
    votes = dwn.Votes(5, 2)
    assert votes(torch.tensor([[1.0, 1.0, -1.0, 1.0, 1.0]])).tolist() == [[4.0, 8.0]]  # 3 and 2 neurons, * 4
    assert [dwn.Votes(n, 10).scale for n in (100, 250, 1000)] == [1, 0.5, 0.125]


def test_inputs_are_learned_in_the_search_alone():
    read = []
    for run in test_methods.phase_by_phase("dwn"):
        part = run.network[1]
        for seed in (1, 2):
            run.method.step(run, *test_methods.batch(seed))
            read.append((run.phase.name, part.wires.clone(), part.preference.detach().clone()))
    assert [name for name, *_ in read] == ["search", "search", "train", "train"]
    assert not torch.equal(read[0][2], read[1][2]) and torch.equal(read[1][2], read[3][2])
    assert torch.equal(read[3][1], read[1][2].argmax(1).view_as(read[3][1]))


def test_dense_layers_become_tables_and_convolutions_stay():
    method = base.create("dwn", {"fan_in": "4"})
    parts = [type(part).__name__ for part in method.build("mnist-cnn")]
    assert parts.count("Lookup") == 1 and parts.count("Votes") == 1 and parts.count("Block") == 3
    wires = {name: given for name, given in method.skeleton(NET).state_dict().items() if "wires" in name}
    assert {tuple(given.shape) for given in wires.values()} == {(64, 4)}
