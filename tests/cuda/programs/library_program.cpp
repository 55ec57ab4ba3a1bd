// Random sizes, windows, groups, batches, and elementwise operations.
#include "library_program.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <numeric>

namespace sinter::cuda_tests {
namespace {

using Extents = std::vector<int64_t>;

std::string list(const Extents& values) {
  std::string text = "array<i64: ";
  for (std::size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + ">";
}

std::string type_of(const Extents& extents, bool channelsLast = false) {
  std::string text = "tensor<";
  for (int64_t extent : extents)
    text += std::to_string(extent) + "x";
  const bool has = channelsLast && extents.size() == 4;
  return text + "f32" + (has ? ", #sinter.layout<order = [0, 2, 3, 1], blocked = 1, block = 1>>" : ">");
}

class Writer {
public:
  // Without `layouts`, all is row-major.
  Writer(uint64_t seed, bool layouts) : engine_(seed), layouts_(layouts) {}

  std::string algorithm;

  std::string write() {
    if (chance(0.4))
      matmul();
    else
      convolution();
    if (channelsLast_ && shape_.size() == 4)
      convert("%result", value_, shape_, true);
    return "func.func @main(" + arguments_ + ") -> " + type_of(shape_) + " {\n" + body_ + "  func.return " +
           value_ + " : " + type_of(shape_) + "\n}\n";
  }

private:
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool chance(double p) { return std::bernoulli_distribution(p)(engine_); }

  std::string input(const Extents& extents) {
    const std::string name = "%x" + std::to_string(inputs_++);
    arguments_ += (arguments_.empty() ? "" : ", ") + name + ": " + type_of(extents);
    if (!channelsLast_ || extents.size() != 4)
      return name;
    convert("%l" + name.substr(1), name, extents, false);
    return value_;
  }

  void convert(const std::string& to, const std::string& from, const Extents& extents, bool back) {
    body_ += "  " + to + " = sinter.convert_layout " + from + " : (" + type_of(extents, back) + ") -> " +
             type_of(extents, !back) + "\n";
    value_ = to;
  }

  void append(const std::string& op, const std::vector<std::string>& operands,
              const std::vector<Extents>& types, const std::string& attributes = "") {
    std::string names, signature;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      names += (i ? ", " : "") + operands[i];
      signature += (i ? ", " : "") + type_of(types[i], channelsLast_);
    }
    value_ = "%v" + std::to_string(values_++);
    body_ += "  " + value_ + " = sinter." + op + " " + names +
             (attributes.empty() ? "" : " {" + attributes + "}") + " : (" + signature + ") -> " +
             type_of(shape_, channelsLast_) + "\n";
  }

  void add(const Extents& extents) {
    const std::string sum = value_, other = input(extents);
    append("add", {sum, other}, {shape_, extents});
  }

  void scale() {
    const std::string name = "%c" + std::to_string(values_);
    body_ += "  " + name + " = sinter.constant dense<" + (chance(0.5) ? "0.5" : "1.25") + "> : tensor<f32>\n";
    append("mul", {value_, name}, {shape_, {}});
  }

  void matmul() {
    algorithm = "cublasLt";
    const int64_t m = integer(1, 9), n = integer(1, 9), k = integer(1, 20);
    const bool tl = chance(0.4), tr = chance(0.4);
    Extents batch;
    if (chance(0.5))
      batch.assign(static_cast<std::size_t>(integer(1, 2)), integer(1, 3));
    Extents lhs = chance(0.8) ? batch : Extents(batch.size(), 1);
    Extents rhs = lhs == batch && chance(0.4) ? Extents() : batch;
    lhs.insert(lhs.end(), {tl ? k : m, tl ? m : k});
    rhs.insert(rhs.end(), {tr ? n : k, tr ? k : n});
    shape_ = batch;
    shape_.insert(shape_.end(), {m, n});
    const std::string a = input(lhs), b = input(rhs);
    append("matmul", {a, b}, {lhs, rhs},
           "transpose_lhs = " + std::string(tl ? "true" : "false") +
               ", transpose_rhs = " + (tr ? "true" : "false"));
    if (chance(0.3))
      scale();
    const bool residual = chance(0.4), bias = chance(0.5), before = chance(0.5);
    if (residual && before)
      add(shape_);
    if (bias)
      add({n});
    if (residual && !before)
      add(shape_);
    if (chance(0.3))
      append("relu", {value_}, {shape_});
    else if (chance(0.3))
      append("gelu", {value_}, {shape_}, "tanh_approximation = true");
  }

  // Sizes of a convolution: image, filter, result image.
  struct Window {
    Extents image, filter, result, strides, dilations, begin, end, rest;
    int64_t groups = 1;
  };

  Window window() {
    Window w;
    w.groups = chance(0.6) ? 1 : integer(2, 3);
    const int64_t unit = chance(0.3) ? 8 : 1; // tensor cores are for whole vectors of channels
    const int64_t in = chance(0.2) ? 1 : unit * integer(1, 4), out = unit * integer(1, 4);
    w.image = {integer(1, 2), w.groups * in};
    w.filter = {w.groups * out, in};
    w.result = {w.image[0], w.filter[0]};
    const int64_t dimensions = chance(0.7) ? 2 : chance(0.5) ? 1 : 3;
    for (int64_t d = 0; d < dimensions; ++d) {
      const int64_t kernel = integer(1, 3), stride = integer(1, 3), dilation = integer(1, 2);
      const int64_t begin = integer(0, 2), end = integer(0, 2), reach = dilation * (kernel - 1) + 1;
      const int64_t size = std::max<int64_t>(integer(1, 8), reach - begin - end);
      const int64_t count = (size + begin + end - reach) / stride + 1;
      w.image.push_back(size);
      w.filter.push_back(kernel);
      w.result.push_back(count);
      w.strides.push_back(stride);
      w.dilations.push_back(dilation);
      w.begin.push_back(begin);
      w.end.push_back(end);
      w.rest.push_back((size + begin + end - reach) % stride);
    }
    return w;
  }

  void convolution() {
    const Window w = window();
    channelsLast_ = chance(0.2) && layouts_; // conversions are kernels that take long to compile
    std::string attributes = "strides = " + list(w.strides) + ", dilations = " + list(w.dilations) +
                             ", pad_begin = " + list(w.begin) + ", pad_end = " + list(w.end) +
                             ", groups = " + std::to_string(w.groups) + " : i64";
    const int64_t kind = integer(0, 4);
    if (kind == 0) {
      algorithm = "cudnn filter gradient";
      shape_ = w.filter;
      const std::string a = input(w.image), b = input(w.result);
      append("conv_filter_gradient", {a, b}, {w.image, w.result},
             attributes + ", kernel = " + list(Extents(w.filter.begin() + 2, w.filter.end())));
    } else {
      algorithm = kind == 1 ? "cudnn conv transposed" : "cudnn conv";
      shape_ = kind == 1 ? w.image : w.result;
      const Extents from = kind == 1 ? w.result : w.image;
      std::vector<std::string> operands{input(from)};
      operands.push_back(input(w.filter));
      std::vector<Extents> types{from, w.filter};
      if (chance(0.5)) {
        types.push_back({shape_[1]});
        operands.push_back(input(types.back()));
      }
      append(kind == 1 ? "conv_transpose" : "conv", operands, types,
             kind == 1 ? attributes + ", output_padding = " + list(w.rest) : attributes);
    }
    epilogue();
  }

  void epilogue() {
    Extents channels(shape_.size() - 1, 1);
    channels[0] = shape_[1];
    const bool residual = chance(0.5);
    if (chance(0.5))
      add(channels);
    if (residual)
      add(shape_);
    if (chance(0.2))
      scale();
    static const std::vector<std::pair<std::string, std::string>> functions{
        {"relu", ""},     {"sigmoid", ""},
        {"tanh", ""},     {"silu", ""},
        {"softplus", ""}, {"gelu", "tanh_approximation = false"},
        {"abs", ""},      {"gelu", "tanh_approximation = true"},
        {"neg", ""},      {"clip", "low = 0.0 : f64, high = 6.0 : f64"},
        {"erf", ""},      {"leaky_relu", "alpha = 0.1 : f64"},
        {"exp", ""},      {"elu", "alpha = 0.5 : f64"}};
    if (chance(0.7)) {
      const auto& [name, attributes] =
          functions[static_cast<std::size_t>(integer(0, static_cast<int64_t>(functions.size()) - 1))];
      append(name, {value_}, {shape_}, attributes);
    }
  }

  std::mt19937_64 engine_;
  bool layouts_, channelsLast_ = false;
  int inputs_ = 0, values_ = 0;
  std::string arguments_, body_, value_;
  Extents shape_;
};

} // namespace

LibraryProgram::LibraryProgram(mlir::MLIRContext& context, uint64_t seed) {
  auto parse = [&](bool layouts) {
    Writer writer(seed, layouts);
    const std::string text = writer.write();
    algorithm = writer.algorithm;
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      throw Error("not a program: " + text);
    return module;
  };
  reference = parse(false);
  constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};
  dtype = kTypes[seed % 3];
  mlir::Builder builder(&context);
  typed = parse(true);
  if (dtype != DType::f32)
    retype(*typed, dtype == DType::f16 ? mlir::Type(builder.getF16Type()) : builder.getBF16Type(), dtype);
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<float> number(-1.0F, 1.0F);
  for (mlir::Type type : reference->lookupSymbol<mlir::func::FuncOp>("main").getArgumentTypes()) {
    const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    inputs.push_back(differential::denseBuffer(DType::f32, ir::shapeOf(tensor)));
    for (int64_t i = 0; i < inputs.back().view.elements(); ++i)
      static_cast<float*>(inputs.back().view.data)[i] = number(engine);
  }
}

} // namespace sinter::cuda_tests
