// The table of exporters: from an operation of the dialect to the function that writes it as ONNX.
#pragma once

#include "frontend/onnx/export/op_writer.h"

#include <functional>
#include <string>
#include <unordered_map>

namespace sinter::onnx_export {

/// How one operation is written, or why it never is.
struct Exporter {
  std::function<void(OpWriter&, Operation&)> write;
  const char* refusal = nullptr; ///< the reason, if there is no way to write it
};

class ExporterTable {
public:
  /// `write` writes operations of type `Op`.
  template <class Op>
  void add(void (*write)(OpWriter&, Op)) {
    add(Op::getOperationName().str(),
        {[write](OpWriter& writer, Operation& op) { write(writer, llvm::cast<Op>(op)); }});
  }
  /// `Op` becomes the node of this name with its operands as inputs.
  template <class Op>
  void add(const char* node) {
    add(Op::getOperationName().str(), {[node](OpWriter& writer, Operation& op) {
          const llvm::SmallVector<Input> inputs(op.operand_begin(), op.operand_end());
          writer.result(node, inputs);
        }});
  }
  /// `Op` has no counterpart; `why` ends the error.
  template <class Op>
  void refuse(const char* why) {
    add(Op::getOperationName().str(), {nullptr, why});
  }
  /// Null if nothing is known of it.
  const Exporter* find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }

private:
  void add(std::string name, Exporter exporter) { entries_.emplace(std::move(name), std::move(exporter)); }

  std::unordered_map<std::string, Exporter> entries_;
};

/// The exporter of the operation called `name` ("sinter.add"); null if there is neither one nor a reason why.
const Exporter* find_exporter(llvm::StringRef name);

// One function a file of operators/, each of which adds its operations.
void add_activations(ExporterTable& table);
void add_arithmetic(ExporterTable& table);
void add_control_flow(ExporterTable& table);
void add_convolutions(ExporterTable& table);
void add_internal(ExporterTable& table);
void add_logic(ExporterTable& table);
void add_losses(ExporterTable& table);
void add_matrix_products(ExporterTable& table);
void add_normalizations(ExporterTable& table);
void add_pool_gradients(ExporterTable& table);
void add_poolings(ExporterTable& table);
void add_reductions(ExporterTable& table);
void add_resampling(ExporterTable& table);
void add_shapes(ExporterTable& table);
void add_slices(ExporterTable& table);

} // namespace sinter::onnx_export
