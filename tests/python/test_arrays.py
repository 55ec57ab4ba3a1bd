"""Memory goes from NumPy to tensors and back without a copy, and lives as long as anybody uses it."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import sinter


def address(array):
    return array.__array_interface__["data"][0]


DTYPES = [("f4", sinter.f32), ("f8", sinter.f64), ("i4", sinter.i32), ("i8", sinter.i64), ("i1", sinter.i8),
          ("u1", sinter.u8), ("?", sinter.boolean), ("f2", sinter.f16)]


@pytest.mark.parametrize("name, dtype", DTYPES)
def test_every_dtype_goes_both_ways_without_a_copy(name, dtype):
    array = np.arange(6).reshape(2, 3).astype(name)
    tensor = sinter.asarray(array)
    assert tensor.dtype == dtype and tensor.shape == (2, 3)
    back = np.asarray(tensor)
    assert back.dtype == array.dtype and address(back) == address(array)
    np.testing.assert_array_equal(back, array)


def test_tensor_copies():
    array = np.ones(4, "f4")
    tensor = sinter.tensor(array)
    array[0] = 5
    assert tensor.tolist() == [1, 1, 1, 1]


def test_arrays_are_shared():
    array = np.ones(4, "f4")
    tensor = sinter.from_dlpack(array)
    array[0] = 5
    assert tensor.tolist() == [5, 1, 1, 1]


class Array(np.ndarray):
    """Takes weak references."""


def test_an_array_lives_as_long_as_its_tensor():
    array = np.arange(1000, dtype="f4").view(Array)
    gone = weakref.ref(array)
    view = sinter.asarray(array).reshape(10, 100)[3]
    del array
    gc.collect()
    assert gone() is not None
    assert view[7].item() == 307
    del view
    gc.collect()
    assert gone() is None


def test_a_tensor_lives_as_long_as_its_array():
    tensor = sinter.full((1000,), 3)
    array = tensor.numpy()
    del tensor
    gc.collect()
    for _ in range(10):  # memory that is free is used again
        sinter.full((1000,), 4)
    assert (array == 3).all()


def test_inputs_of_a_compiled_function_may_be_let_go():
    double = sinter.compile(lambda x: x * 2)
    result = double(np.full((50,), 2, "f4"))
    gc.collect()
    assert (result.numpy() == 4).all()


@pytest.mark.parametrize("view", [
    lambda a: a.T, lambda a: a[::2], lambda a: a[:, ::-1], lambda a: a[::-2, 1:], lambda a: a[:0],
    lambda a: np.broadcast_to(a[0], (3, 5)), lambda a: a[1, 2], lambda a: np.asfortranarray(a)])
def test_strided_arrays(view):
    array = view(np.random.default_rng(1).random((4, 5), "f4"))
    tensor = sinter.asarray(array)
    np.testing.assert_array_equal(np.asarray(tensor), array)
    np.testing.assert_array_equal(sinter.compile(lambda x: x + 1)(array), array + np.float32(1))


def test_elements_at_odd_addresses_are_copied():
    bytes_ = np.zeros(41, "u1")
    array = bytes_[1:].view("f4")
    array[:] = np.arange(10)
    tensor = sinter.asarray(array)
    assert tensor.tolist() == list(range(10))


def test_arrays_that_may_only_be_read():
    array = np.arange(3, dtype="f4")
    array.flags.writeable = False
    tensor = sinter.asarray(array)
    assert address(tensor.numpy()) == address(array)
    with pytest.raises(sinter.UserError, match="may only be read"):
        tensor.assign(np.zeros(3, "f4"))
    with pytest.raises(sinter.UserError, match="may only be read"):
        tensor.reshape(1, 3).assign(np.zeros((1, 3), "f4"))
    assert array.tolist() == [0, 1, 2]
    tensor.clone().assign(np.zeros(3, "f4"))


def test_assigning_writes_to_an_array_that_is_shared():
    array = np.arange(3, dtype="f4")
    sinter.asarray(array).assign([5.0, 6.0, 7.0])
    assert array.tolist() == [5, 6, 7]


def test_what_numpy_gets_may_only_be_read():
    array = sinter.ones((3,)).numpy()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


def test_dlpack():
    tensor = sinter.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tensor.__dlpack_device__() == (1, 0)
    array = np.from_dlpack(tensor)
    assert address(array) == address(tensor.numpy())
    own = np.from_dlpack(tensor, copy=True)
    assert address(own) != address(array) and own.flags.writeable
    again = sinter.from_dlpack(tensor.transpose(0, 1).numpy())
    assert again.tolist() == [[1, 3], [2, 4]]


def test_copies_and_pickles():
    tensor = sinter.tensor([[1, 2], [3, 4]])
    for other in (copy.deepcopy(tensor), pickle.loads(pickle.dumps(tensor))):
        assert other.dtype == sinter.i64 and other.tolist() == [[1, 2], [3, 4]]
        assert address(other.numpy()) != address(tensor.numpy())


def test_array_conversions():
    tensor = sinter.tensor([1.5, 2.5])
    assert np.asarray(tensor, dtype="i4").tolist() == [1, 2]
    own = np.array(tensor)
    assert address(own) != address(np.asarray(tensor)) and own.flags.writeable
    with pytest.raises(ValueError):
        np.asarray(tensor, dtype="i4", copy=False)


def test_numbers_and_lists():
    assert sinter.tensor(2.0).dtype == sinter.f32 and sinter.tensor(2.0).shape == ()
    assert sinter.tensor([1, 2]).dtype == sinter.i64
    assert sinter.tensor([True, False]).dtype == sinter.boolean
    assert sinter.tensor([[1, 2.5], [3, 4]]).tolist() == [[1, 2.5], [3, 4]]
    assert sinter.tensor([0.1], dtype="f64").item() == 0.1
    assert sinter.tensor([2**62 + 1]).item() == 2**62 + 1
    assert sinter.tensor([[], []]).shape == (2, 0)
    for dtype in (sinter.f64, "f64", "float64", np.float64, np.dtype("f8")):
        assert sinter.zeros(3, dtype).dtype == sinter.f64
    assert sinter.tensor([1, 2], dtype=float).dtype == sinter.f32


@pytest.mark.parametrize("value, kind, message", [
    ([[1], [2, 3]], sinter.UserError, "different lengths"),
    (np.zeros(2, "c8"), sinter.UserError, "of a type that tensors do not have"),
    (np.zeros(2, "u4"), sinter.UserError, "of a type that tensors do not have"),
    ("text", TypeError, "got str"),
    (["text"], TypeError, "got str"),
    (object(), TypeError, "got object"),
    (np.zeros((1,) * 9, "f4"), sinter.UserError, "at most 8 dimensions"),
])
def test_what_is_no_tensor(value, kind, message):
    with pytest.raises(kind, match=message):
        sinter.tensor(value)


def test_a_list_that_holds_itself_is_refused():
    numbers = []
    numbers.append(numbers)
    with pytest.raises(sinter.Error, match="nested more than 8 deep"):
        sinter.tensor(numbers)
