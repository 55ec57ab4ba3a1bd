// Functions and models leave as ONNX files.
#pragma once

#include "sinter/compile.h"

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace sinter {

/// The opsets that are written.
inline constexpr int64_t kFirstExportOpset = 17;
inline constexpr int64_t kLastExportOpset = 22;

struct ExportOptions {
  /// One for each; empty: "input" or "input_0", "input_1", ... (a model keeps its own).
  std::vector<std::string> input_names = {};
  std::vector<std::string> output_names = {};
  /// Weights of 1 KiB and more go into PATH.data, beside the model. So they do where the model would exceed
  /// protobuf's 2 GiB.
  bool external_data = false;
  int64_t opset = kFirstExportOpset;
};

/// Writes what `function` computes for inputs of these dtypes and shapes, on any of such values, to `path`.
/// Tensors that it captures become initialisers. Throws Error naming the line of an operation that ONNX
/// cannot express. The file appears whole or not at all.
void export_onnx(const CompiledFunction& function, std::span<const Tensor> inputs, const std::string& path,
                 const ExportOptions& options = {}, SourceLocation where = SourceLocation::current());

/// The same for what compile() returned, or takes: a function of Tensors and trees of them (tree.h), with
/// arguments like those it is to be called with. The tensors in them are the model's inputs, in order.
///
///     sinter::export_onnx([&](sinter::Tensor x) { return net(x); }, std::tuple(x), "net.onnx");
template <class Signature, class... Args>
void export_onnx(const Compiled<Signature>& function, const std::tuple<Args...>& arguments,
                 const std::string& path, const ExportOptions& options = {},
                 SourceLocation where = SourceLocation::current()) {
  export_onnx(function.core(), tensors_of(arguments), path, options, where);
}

template <class Signature, class... Args>
void export_onnx(const CompiledOfTrees<Signature>& function, const std::tuple<Args...>& arguments,
                 const std::string& path, const ExportOptions& options = {},
                 SourceLocation where = SourceLocation::current()) {
  const CompiledFunction core =
      std::apply([&](const Args&... each) { return function.core(each...); }, arguments);
  export_onnx(core, tensors_of(arguments), path, options, where);
}

template <class F, class... Args>
  requires detail::HasOneSignature<F>
void export_onnx(F f, const std::tuple<Args...>& arguments, const std::string& path,
                 const ExportOptions& options = {}, SourceLocation where = SourceLocation::current()) {
  export_onnx(compile(std::move(f), {}, where), arguments, path, options, where);
}

} // namespace sinter
