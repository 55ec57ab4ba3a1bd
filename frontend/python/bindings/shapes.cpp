// What moves elements without computing.
#include "choices.h"
#include "located.h"

namespace sinter::python {
namespace {

constexpr std::array kPadModes{Named<PadMode>{"constant", PadMode::constant},
                               Named<PadMode>{"reflect", PadMode::reflect},
                               Named<PadMode>{"edge", PadMode::edge}};
constexpr std::array kResizeModes{Named<ResizeMode>{"nearest", ResizeMode::nearest},
                                  Named<ResizeMode>{"linear", ResizeMode::linear}};
constexpr std::array kCoordinates{
    Named<ResizeCoordinates>{"half_pixel", ResizeCoordinates::half_pixel},
    Named<ResizeCoordinates>{"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
    Named<ResizeCoordinates>{"align_corners", ResizeCoordinates::align_corners},
    Named<ResizeCoordinates>{"asymmetric", ResizeCoordinates::asymmetric}};
constexpr std::array kRoundings{Named<ResizeRounding>{"prefer_floor", ResizeRounding::prefer_floor},
                                Named<ResizeRounding>{"prefer_ceil", ResizeRounding::prefer_ceil},
                                Named<ResizeRounding>{"floor", ResizeRounding::floor},
                                Named<ResizeRounding>{"ceil", ResizeRounding::ceil}};

Tensor padded(TensorLike x, Extents low, Extents high, double value, const std::string& mode) {
  const Tensor input = x.tensor();
  const Shape before = low.shape(), after = high.shape();
  const PadMode chosen = choice(mode, kPadModes, "pad: the mode");
  return unlocked(
      [&](const SourceLocation& where) { return pad(input, before, after, value, chosen, where); });
}

Tensor resized(TensorLike x, Extents sizes, const std::string& mode, const std::string& coordinates,
               const std::string& rounding) {
  const Tensor input = x.tensor();
  const Shape to = sizes.shape();
  const ResizeOptions options{choice(mode, kResizeModes, "resize: the mode"),
                              choice(coordinates, kCoordinates, "resize: the place of coordinates"),
                              choice(rounding, kRoundings, "resize: the rounding")};
  return unlocked([&](const SourceLocation& where) { return resize(input, to, options, where); });
}

Tensor concatenated(const nb::iterable& parts, int axis) {
  std::vector<Tensor> tensors;
  for (nb::handle part : parts)
    tensors.push_back(as_tensor(part));
  return unlocked([&](const SourceLocation& where) { return concat(tensors, axis, where); });
}

Tensor sliced(TensorLike x, int axis, int64_t start, std::optional<int64_t> stop, int64_t step) {
  const Tensor input = x.tensor();
  return unlocked([&](const SourceLocation& where) {
    return slice(input, axis, start, stop.value_or(kToEnd), step, where);
  });
}

} // namespace

void bind_shapes(nb::module_& module) {
  auto tensor = nb::borrow<nb::class_<Tensor>>(module.attr("Tensor"));
  module.def("reshape", located(reshape), "x"_a, "shape"_a, "One extent may be -1: what remains.");
  module.def("flatten", located(flatten), "x"_a, "first"_a = 0, "last"_a = -1,
             "Dimensions [first, last] become one.");
  tensor.def("flatten", located(flatten), "first"_a = 0, "last"_a = -1,
             "Dimensions [first, last] become one.");
  module.def("unsqueeze", located(unsqueeze), "x"_a, "axis"_a,
             "A new dimension of extent 1 before dimension `axis` of the result.");
  tensor.def("unsqueeze", located(unsqueeze), "axis"_a);
  module.def("squeeze", located(squeeze), "x"_a, "axes"_a, "Drops dimensions of extent 1.");
  tensor.def("squeeze", located(squeeze), "axes"_a);
  module.def("transpose", located(transpose), "x"_a, "a"_a, "b"_a, "Exchanges two dimensions.");
  tensor.def("transpose", located(transpose), "a"_a, "b"_a, "Exchanges two dimensions.");
  module.def("permute", located(permute), "x"_a, "permutation"_a,
             "Dimension i of the result is x's dimension permutation[i].");
  module.def("slice", sliced, "x"_a, "axis"_a, "start"_a, "stop"_a = nb::none(), "step"_a = 1,
             "As x[start:stop:step] along one dimension.");
  module.def(
      "concat", concatenated, "parts"_a, "axis"_a,
      nb::sig("def concat(parts: collections.abc.Iterable[sinter.typing.TensorLike], axis: int) -> Tensor"));
  module.def(
      "pad", padded, "x"_a, "low"_a, "high"_a, "value"_a = 0.0, "mode"_a = "constant",
      nb::sig("def pad(x: sinter.typing.TensorLike, low: int | collections.abc.Sequence[int], high: int | "
              "collections.abc.Sequence[int], value: float = 0.0, mode: typing.Literal['constant', "
              "'reflect', 'edge'] = 'constant') -> Tensor"),
      "Adds low[i] elements before and high[i] after dimension i; negative ones are removed.");
  module.def("broadcast_to", located<Tensor, const Tensor&, const Shape&, SourceLocation>(broadcast_to),
             "x"_a, "shape"_a);
  module.def("gather", located(gather), "x"_a, "indices"_a, "axis"_a = 0,
             "Slices of x at the integer `indices` along an axis; negative indices count from the end.");
  module.def("scatter_add", located(scatter_add), "x"_a, "indices"_a, "updates"_a, "axis"_a = 0,
             "x with slices of `updates`, of the shape that gather gives, added at `indices`.");
  module.def(
      "resize", resized, "x"_a, "sizes"_a, "mode"_a = "nearest", "coordinates"_a = "half_pixel",
      "rounding"_a = "prefer_floor",
      nb::sig("def resize(x: sinter.typing.TensorLike, sizes: int | collections.abc.Sequence[int], mode: "
              "typing.Literal['nearest', 'linear'] = 'nearest', coordinates: typing.Literal['half_pixel', "
              "'pytorch_half_pixel', 'align_corners', 'asymmetric'] = 'half_pixel', rounding: "
              "typing.Literal['prefer_floor', 'prefer_ceil', 'floor', 'ceil'] = 'prefer_floor') -> Tensor"),
      "Resamples every dimension to `sizes`.");
}

} // namespace sinter::python
