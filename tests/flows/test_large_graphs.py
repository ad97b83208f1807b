"""Graphs of thousands of nodes: clean-up and numbers are qonnx's, and the work grows with the graph."""

import numpy as np
import onnx
import pytest
from graphs import QONNX, Graph
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

from xnorforge.flows.clean_up import cleaned_up
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.indexed_model import indexed
from xnorforge.flows.lower import lower
from xnorforge.flows.qonnx_execution import execution_of, qonnx_tensors


def dense(graph, outputs: int) -> Graph:
    """A dense layer of -1 and +1, whose weights a quantiser makes and a Transpose turns."""
    width = graph.width
    weights, at = graph.weights(outputs, width), graph.at
    graph.node("BipolarQuant", np.float32(1), inputs=[graph.given(weights)], domain=QONNX)
    graph.node("Transpose", perm=[1, 0])
    graph.node("MatMul", inputs=[at, graph.at])
    graph.width = outputs
    return graph


class Net(Graph):
    """A graph of vectors."""

    def __init__(self, width: int, seed: int = 0):
        super().__init__((width,), seed)
        self.width = width

    def given(self, values) -> str:
        """A constant by name."""
        self.constants[f"c{len(self.constants)}"] = np.asarray(values)
        return f"c{len(self.constants) - 1}"

    def raw(self, output) -> ModelWrapper:
        """The model as it was written."""
        return ModelWrapper(self.onnx(output), fix_missing_initializer_valueinfo=False)


def random_net(seed: int) -> Net:
    """Three dense layers among factors, sums, functions, reshapes and a shortcut."""
    net = Net(12, seed)
    for _ in range(3):
        for _ in range(int(net.rng.integers(1, 5))):
            kind = net.rng.integers(5)
            if kind == 0:
                net.real("Mul", net.rng.uniform(0.5, 2, net.width))
            elif kind == 1:
                net.node("Add", inputs=[net.given(np.float32(net.rng.normal())), net.at])
            elif kind == 2:
                net.node("Relu")
            elif kind == 3:
                net.node("Reshape", np.array([1, net.width // 2, 2]))
                net.node("Reshape", np.array([1, net.width]))
            else:
                net.norm(net.width)
        net = net.sign() if net.rng.random() < 0.5 else net.quant(0.5, 3)
        before, width = net.at, net.width
        dense(net, int(2 * net.rng.integers(3, 9)))
        if net.width == width:
            net.node("Add", inputs=[net.at, before])
    return net


@pytest.mark.parametrize("seed", range(12))
def test_the_clean_up_is_that_of_qonnx(seed):
    net = random_net(seed)
    wanted, found = (clean(ModelWrapper(net.onnx((net.width,)))) for clean in (cleanup_model, cleaned_up))
    for field in ("node", "initializer", "input", "output", "value_info", "quantization_annotation"):
        entries = [getattr(model.graph, field) for model in (wanted, found)]
        one, other = ([entry.SerializeToString(deterministic=True) for entry in some] for some in entries)
        assert one == other if field == "node" else sorted(one) == sorted(other), field


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("images", [1, 3])
def test_every_tensor_is_that_of_qonnx_execution(seed, images):
    net = random_net(seed)
    model = cleanup_model(net.raw((net.width,)))
    inputs = net.rng.normal(0, 100, (images, 12)).astype(np.float32)
    batched = model.transform(ChangeBatchSize(images)).transform(InferShapes())
    wanted = execute_onnx(batched, {"global_in": inputs}, return_full_exec_context=True)
    found = qonnx_tensors(model, inputs)
    for name in (name for node in model.graph.node for name in node.output):
        np.testing.assert_array_equal(found[name], wanted[name])


def test_the_index_answers_as_qonnx():
    net = random_net(3)
    model = cleanup_model(net.raw((net.width,)))
    found = indexed(model)
    for name in {name for node in model.graph.node for name in (*node.input, *node.output)}:
        assert found.get_tensor_shape(name) == model.get_tensor_shape(name)
        assert found.get_tensor_datatype(name) == model.get_tensor_datatype(name)
        assert found.find_producer(name) == model.find_producer(name)
        assert list(found.find_consumers(name)) == model.find_consumers(name)
        np.testing.assert_array_equal(found.get_initializer(name), model.get_initializer(name))
    assert [found.get_node_index(node) for node in model.graph.node] == list(range(len(model.graph.node)))


def chain(length: int) -> Net:
    """So many Mul, Add and Relu in front of a sign and a dense layer."""
    net = Net(8)
    for place in range(length):
        if place % 3 == 2:
            net.node("Relu")
        else:
            net.real(("Mul", "Add")[place % 3], net.rng.choice([0.5, 0.75, 1.25, 1.5], 8))
    return dense(net.sign(), 4)


def layers(length: int) -> Net:
    """So many dense layers, each with a sign behind it: three nodes each."""
    net = Net(8)
    for _ in range(length):
        dense(net, 8).sign()
    return net


def built(folder, net: Net, images: int = 3) -> dict:
    """Import and lower a network; the record of the second."""
    onnx.save(net.raw((net.width,)).model, folder / "net.onnx")
    pixels = np.random.default_rng(1).integers(0, 256, (images, *net.shape[1:])).astype(np.uint8)
    import_model(folder / "net.onnx", pixels, np.full(images, -1), folder / "out", 1.0)
    return lower(folder / "out/model.onnx", folder / "out/golden.npz", folder / "out")


def test_nodes_of_one_kind_share_a_session():
    """Mul, Add, Relu, MatMul: four sessions for 2,000 nodes, and no others for the next images."""
    net = chain(2_000)
    model = cleaned_up(net.raw((4,)))
    assert len(model.graph.node) == 2_003
    for _ in range(3):
        qonnx_tensors(model, np.ones((2, 8), np.float32))
    assert execution_of(model).runner.made == 4


SCANS = ("get_tensor_valueinfo", "get_initializer", "find_producer", "find_consumers", "set_initializer",
         "set_tensor_datatype", "rename_tensor", "get_node_index")  # fmt: skip


def test_nothing_looks_through_the_graph_for_every_node(tmp_path, monkeypatch):
    """qonnx's own lookups are called as often for 60 layers as for 20."""
    counts = {}
    for length in (20, 60):
        net, calls = layers(length), []
        (tmp_path / str(length)).mkdir()
        model = net.raw((8,))
        with monkeypatch.context() as patched:
            for name in SCANS:
                scan = getattr(ModelWrapper, name)
                patched.setattr(
                    ModelWrapper,
                    name,
                    lambda *a, scan=scan, calls=calls, **k: (calls.append(scan), scan(*a, **k))[1],
                )
            net.raw = lambda output, model=model: model
            built(tmp_path / str(length), net)
        counts[length] = len(calls)
    assert counts[20] == counts[60]


def test_a_node_may_read_one_tensor_twice(tmp_path):
    net = Net(8)
    net.sign()
    net.node("Add", inputs=[net.at, net.at])
    at = net.node("Add", inputs=[net.at, net.given(np.float32(1))]).sign().at
    net.node("Concat", inputs=[at, at], axis=1)
    net.width = 16
    record = built(tmp_path, dense(net, 4))
    assert not any(check["mismatches"] for check in record["checks"])


@pytest.mark.full
@pytest.mark.parametrize("make", [lambda: chain(19_990), lambda: layers(4_990)])
def test_graphs_of_20_000_nodes_are_lowered(tmp_path, make):
    net = make()
    assert len(net.nodes) > 19_000
    assert not any(check["mismatches"] for check in built(tmp_path, net)["checks"])
