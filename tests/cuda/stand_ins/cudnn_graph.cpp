// What descriptors of the stand-in for cuDNN must agree in, and what graphs compute.
#include "cudnn.h"

#include <algorithm>
#include <set>

namespace stand_in {
namespace {

using Extents = std::vector<int64_t>;

Element element_of(const Descriptor& tensor) {
  const int type = tensor.one<int>(901);
  return type == 0 ? Element::f32 : type == 2 ? Element::f16 : Element::bf16;
}

Extents extents_of(const Descriptor& tensor) {
  return tensor.all<int64_t>(902);
}

int64_t count_of(const Extents& extents) {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

bool is_virtual(const Descriptor& tensor) {
  return tensor.one<char>(907) != 0;
}

bool is_by_value(const Descriptor& tensor) {
  return tensor.one<char>(908) != 0;
}

const char* tensor_contradiction(const Descriptor& tensor) {
  const Extents extents = extents_of(tensor), strides = tensor.all<int64_t>(903);
  if (extents.size() < 4 || extents.size() != strides.size())
    return "a tensor's extents and strides";
  for (std::size_t d = 0; d < extents.size(); ++d)
    if (extents[d] < 1 || strides[d] < 1)
      return "a tensor's extents and strides must be positive";
  const int type = tensor.one<int>(901);
  if (type != 0 && type != 2 && type != 9)
    return "a tensor's type";
  if (is_virtual(tensor) && is_by_value(tensor))
    return "a tensor both virtual and by value";
  if (is_by_value(tensor) && count_of(extents) != 1)
    return "a tensor by value has one element";
  return nullptr;
}

const char* pointwise_contradiction(const Descriptor& pointwise) {
  static const std::set<int> known{0,  1,  2,  3,   4,   6,   9,   10,  13,  15,  16,
                                   17, 20, 22, 100, 101, 102, 103, 104, 105, 106, 107};
  const int mode = pointwise.one<int>(0);
  if (!known.contains(mode) || pointwise.one<int>(1) != 0)
    return "an unknown function, or one that is not of f32";
  const std::map<int, int> owners{{3, 100}, {4, 100}, {5, 100}, {6, 103}, {7, 105}, {8, 106}};
  for (const auto& [attribute, owner] : owners)
    if (pointwise.has(attribute) && mode != owner)
      return "a parameter of another function";
  return nullptr;
}

const char* convolution_contradiction(const Descriptor& convolution) {
  const auto dimensions = static_cast<std::size_t>(convolution.one<int64_t>(106));
  for (int attribute = 102; attribute <= 105; ++attribute) {
    const Extents values = convolution.all<int64_t>(attribute);
    if (values.size() != dimensions ||
        std::ranges::any_of(values, [&](int64_t value) { return value < (attribute >= 104 ? 0 : 1); }))
      return "a convolution's attributes";
  }
  return convolution.one<int>(100) == 0 && convolution.one<int>(101) == 1 ? nullptr : "a convolution's type";
}

// Image, filter and result image of a convolution or one of its gradients.
struct Tensors {
  const Descriptor &image, &filter, &result;

  explicit Tensors(const Descriptor& op)
      : image(op.at(op.type == kForward        ? 704
                    : op.type == kBackwardData ? 710
                                               : 716)),
        filter(op.at(op.type == kForward        ? 703
                     : op.type == kBackwardData ? 709
                                                : 715)),
        result(op.at(op.type == kForward        ? 705
                     : op.type == kBackwardData ? 711
                                                : 717)) {}
};

const Descriptor& window_of(const Descriptor& op) {
  return op.at(op.type == kForward ? 702 : op.type == kBackwardData ? 708 : 714);
}

const char* operation_contradiction(const Descriptor& op) {
  const Descriptor& window = window_of(op);
  const Tensors tensors(op);
  const Extents x = extents_of(tensors.image), w = extents_of(tensors.filter), y = extents_of(tensors.result);
  const Extents dilations = window.all<int64_t>(102), strides = window.all<int64_t>(103),
                after = window.all<int64_t>(104), before = window.all<int64_t>(105);
  if (x.size() != dilations.size() + 2 || w.size() != x.size() || y.size() != x.size())
    return "ranks of a convolution's tensors";
  if (x[1] % w[1] != 0 || w[0] % (x[1] / w[1]) != 0 || y[1] != w[0] || y[0] != x[0])
    return "channels of a convolution's tensors";
  for (std::size_t d = 0; d < dilations.size(); ++d) {
    const int64_t slack = x[d + 2] + before[d] + after[d] - (dilations[d] * (w[d + 2] - 1) + 1);
    if (slack < 0 || slack / strides[d] + 1 != y[d + 2])
      return "sizes of a convolution's tensors";
  }
  return nullptr;
}

const char* pointwise_operation_contradiction(const Descriptor& op) {
  const int mode = op.at(750).one<int>(0);
  const bool binary = mode < 10;
  if (op.has(752) != (binary && mode != 4))
    return "operands of an elementwise operation";
  const Extents result = extents_of(op.at(753));
  for (int attribute : {751, 752}) {
    if (!op.has(attribute))
      continue;
    const Extents extents = extents_of(op.at(attribute));
    if (extents.size() != result.size())
      return "ranks of an elementwise operation";
    for (std::size_t d = 0; d < extents.size(); ++d)
      if (extents[d] != 1 && extents[d] != result[d])
        return "an operand that does not broadcast";
  }
  return nullptr;
}

std::vector<const Descriptor*> operands(const Descriptor& op) {
  if (op.type == kPointwiseOperation)
    return op.has(752) ? std::vector{&op.at(751), &op.at(752)} : std::vector{&op.at(751)};
  const Tensors tensors(op);
  if (op.type == kForward)
    return {&tensors.image, &tensors.filter};
  return op.type == kBackwardData ? std::vector{&tensors.result, &tensors.filter}
                                  : std::vector{&tensors.image, &tensors.result};
}

const Descriptor& result(const Descriptor& op) {
  if (op.type == kPointwiseOperation)
    return op.at(753);
  const Tensors tensors(op);
  return op.type == kForward ? tensors.result : op.type == kBackwardData ? tensors.image : tensors.filter;
}

const char* graph_contradiction(const Descriptor& graph) {
  std::set<const Descriptor*> made, read;
  std::map<int64_t, const Descriptor*> ids;
  auto meet = [&](const Descriptor& tensor) {
    const auto [known, isNew] = ids.emplace(tensor.one<int64_t>(906), &tensor);
    return isNew || known->second == &tensor;
  };
  for (const Descriptor* op : graph.all<const Descriptor*>(801)) {
    for (const Descriptor* operand : operands(*op)) {
      if (!meet(*operand))
        return "two tensors of one id";
      if (is_virtual(*operand) && !made.contains(operand))
        return "a virtual tensor that nothing made";
      read.insert(operand);
    }
    const Descriptor& out = result(*op);
    if (!meet(out) || is_by_value(out) || read.contains(&out) || !made.insert(&out).second)
      return "a result that is something else, too";
  }
  for (const Descriptor* tensor : made)
    if (is_virtual(*tensor) != read.contains(tensor))
      return "a virtual tensor that nobody reads";
  return nullptr;
}

//===-- Computation ---------------------------------------------------------------------------------===//

// Elements in the order of the extents, the last the innermost.
using Values = std::vector<float>;

// body(position, its number) for all positions.
template <class Body>
void for_positions(const Extents& extents, Body body) {
  Extents at(extents.size(), 0);
  const int64_t count = count_of(extents);
  for (int64_t number = 0; number < count; ++number) {
    body(at, number);
    for (std::size_t d = extents.size(); d-- > 0;) {
      if (++at[d] < extents[d])
        break;
      at[d] = 0;
    }
  }
}

int64_t offset(const Extents& at, const Extents& strides) {
  int64_t sum = 0;
  for (std::size_t d = 0; d < at.size(); ++d)
    sum += at[d] * strides[d];
  return sum;
}

Extents dense_strides(const Extents& extents) {
  Extents strides(extents.size(), 1);
  for (std::size_t d = extents.size() - 1; d-- > 0;)
    strides[d] = strides[d + 1] * extents[d + 1];
  return strides;
}

class Run {
public:
  Run(const Descriptor& pack, bool tf32) : tf32_(tf32) {
    const auto ids = pack.all<int64_t>(1000);
    const auto pointers = pack.all<void*>(1001);
    for (std::size_t i = 0; i < ids.size(); ++i)
      pointers_[ids[i]] = pointers[i];
  }

  void operation(const Descriptor& op) {
    Values values = op.type == kPointwiseOperation ? pointwise(op) : convolution(op);
    const Descriptor& out = result(op);
    if (!is_virtual(out)) {
      void* memory = memory_of(out);
      const Extents strides = out.all<int64_t>(903);
      for_positions(extents_of(out), [&](const Extents& at, int64_t number) {
        store(memory, offset(at, strides), element_of(out), values[static_cast<std::size_t>(number)]);
      });
    }
    made_[&out] = std::move(values);
  }

private:
  void* memory_of(const Descriptor& tensor) {
    const Extents extents = extents_of(tensor), strides = tensor.all<int64_t>(903);
    Extents last = extents;
    for (int64_t& extent : last)
      --extent;
    const auto found = pointers_.find(tensor.one<int64_t>(906));
    expect(found != pointers_.end(), "cudnn: a tensor without memory");
    return host(found->second,
                static_cast<uint64_t>(offset(last, strides) + 1) * size_of(element_of(tensor)));
  }

  const Values& values_of(const Descriptor& tensor) {
    Values& values = made_[&tensor];
    if (!values.empty())
      return values;
    values.resize(static_cast<std::size_t>(count_of(extents_of(tensor))));
    if (is_by_value(tensor)) {
      values[0] = *static_cast<const float*>(pointers_.at(tensor.one<int64_t>(906)));
      return values;
    }
    const void* memory = memory_of(tensor);
    const Extents strides = tensor.all<int64_t>(903);
    for_positions(extents_of(tensor), [&](const Extents& at, int64_t number) {
      values[static_cast<std::size_t>(number)] = load(memory, offset(at, strides), element_of(tensor));
    });
    return values;
  }

  Values pointwise(const Descriptor& op) {
    const Extents extents = extents_of(result(op));
    Values out(static_cast<std::size_t>(count_of(extents)));
    const Descriptor& a = op.at(751);
    const Descriptor* b = op.has(752) ? &op.at(752) : nullptr;
    const Values& first = values_of(a);
    const Values* second = b ? &values_of(*b) : nullptr;
    auto element = [](const Descriptor& tensor, const Values& values, Extents at) {
      const Extents extents_here = extents_of(tensor);
      for (std::size_t d = 0; d < at.size(); ++d)
        at[d] = extents_here[d] == 1 ? 0 : at[d];
      return values[static_cast<std::size_t>(offset(at, dense_strides(extents_here)))];
    };
    for_positions(extents, [&](const Extents& at, int64_t number) {
      out[static_cast<std::size_t>(number)] =
          function(op.at(750), element(a, first, at), b ? element(*b, *second, at) : 0);
    });
    return out;
  }

  static float function(const Descriptor& pointwise, float a, float b) {
    const auto parameter = [&](int attribute, double otherwise) {
      return static_cast<float>(pointwise.one<double>(attribute, otherwise));
    };
    switch (pointwise.one<int>(0)) {
    case 0:
      return a + b;
    case 1:
      return a * b;
    case 2:
      return std::min(a, b);
    case 3:
      return std::max(a, b);
    case 4:
      return std::sqrt(a);
    case 6:
      return a / b;
    case 9:
      return a - b;
    case 10:
      return std::fabs(a);
    case 13:
      return std::exp(a);
    case 15:
      return std::log(a);
    case 16:
      return -a;
    case 17:
      return 1 / std::sqrt(a);
    case 20:
      return std::erf(a);
    case 22:
      return 1 / a;
    case 100: {
      const float lower = parameter(3, 0), upper = parameter(4, INFINITY), slope = parameter(5, 0);
      return a > lower ? std::min(a, upper) : lower + slope * (a - lower);
    }
    case 101:
      return std::tanh(a);
    case 102:
      return 1 / (1 + std::exp(-a));
    case 103:
      return a > 0 ? a : parameter(6, 1) * std::expm1(a);
    case 104:
      return 0.5F * a * (1 + std::erf(a * 0.70710678F));
    case 105:
      return std::max(a, 0.0F) + std::log1p(std::exp(-std::fabs(a)));
    case 106:
      return a / (1 + std::exp(-parameter(8, 1) * a));
    default:
      return gelu_tanh(a);
    }
  }

  // Every product of a convolution, added where the operation wants it.
  Values convolution(const Descriptor& op) {
    const Tensors tensors(op);
    const Descriptor& window = window_of(op);
    const Extents x = extents_of(tensors.image), w = extents_of(tensors.filter),
                  y = extents_of(tensors.result);
    const Extents dilations = window.all<int64_t>(102), strides = window.all<int64_t>(103),
                  before = window.all<int64_t>(105);
    const Extents xs = dense_strides(x), ys = dense_strides(y);
    Values out(static_cast<std::size_t>(count_of(extents_of(result(op)))));
    const auto factors = operands(op);
    const Values first = values_of(*factors[0]), second = values_of(*factors[1]);
    const int64_t outChannels = w[0] / (x[1] / w[1]); // of a group
    Extents image(x.size()), made(y.size());
    for (int64_t n = 0; n < x[0]; ++n)
      for_positions(w, [&](const Extents& tap, int64_t atFilter) {
        image[0] = made[0] = n;
        image[1] = tap[0] / outChannels * w[1] + tap[1];
        made[1] = tap[0];
        const Extents positions(y.begin() + 2, y.end());
        for_positions(positions, [&](const Extents& position, int64_t) {
          for (std::size_t d = 0; d < position.size(); ++d) {
            made[d + 2] = position[d];
            image[d + 2] = position[d] * strides[d] - before[d] + tap[d + 2] * dilations[d];
            if (image[d + 2] < 0 || image[d + 2] >= x[d + 2])
              return;
          }
          const auto inX = static_cast<std::size_t>(offset(image, xs)),
                     inW = static_cast<std::size_t>(atFilter),
                     inY = static_cast<std::size_t>(offset(made, ys));
          if (op.type == kForward)
            out[inY] += product(first[inX], second[inW]);
          else if (op.type == kBackwardData)
            out[inX] += product(first[inY], second[inW]);
          else
            out[inW] += product(first[inX], second[inY]);
        });
      });
    return out;
  }

  float product(float a, float b) const { return tf32_ ? tf32(a) * tf32(b) : a * b; }

  bool tf32_;
  std::map<int64_t, void*> pointers_;
  std::map<const Descriptor*, Values> made_;
};

} // namespace

const char* contradiction(const Descriptor& descriptor) {
  switch (descriptor.type) {
  case kTensor:
    return tensor_contradiction(descriptor);
  case kPointwise:
    return pointwise_contradiction(descriptor);
  case kConvolution:
    return convolution_contradiction(descriptor);
  case kForward:
  case kBackwardData:
  case kBackwardFilter:
    return operation_contradiction(descriptor);
  case kPointwiseOperation:
    return pointwise_operation_contradiction(descriptor);
  case kGraph:
    return graph_contradiction(descriptor);
  case kPack:
    return descriptor.all<int64_t>(1000).size() == descriptor.all<void*>(1001).size()
               ? nullptr
               : "ids and pointers of a variant pack";
  default:
    return nullptr;
  }
}

void run(const Descriptor& graph, const Descriptor& pack, bool tf32) {
  Run now(pack, tf32);
  for (const Descriptor* op : graph.all<const Descriptor*>(801))
    now.operation(*op);
}

} // namespace stand_in
