// What a Model is made of, whatever file it comes from.
#pragma once

#include "frontend/model/source/stored_weight.h"
#include "sinter/onnx.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace sinter::model {

/// Values of a program by the names they have in a model.
using NamedValues = std::unordered_map<std::string, mlir::Value>;
/// The elements of a weight of that name and type, which is a constant.
using ElementsOf =
    llvm::function_ref<mlir::ElementsAttr(const std::string&, const StoredWeight&, mlir::RankedTensorType)>;

/// A program with named inputs, outputs and weights that can be had in any context, as often as it is wanted.
class ProgramSource {
public:
  std::vector<ModelValue> inputs, outputs;
  std::unordered_map<std::string, StoredWeight> weights; ///< by name

  ProgramSource() = default;
  ProgramSource(ProgramSource&&) = default;
  ProgramSource& operator=(ProgramSource&&) = default;
  virtual ~ProgramSource() = default;

  /// Appends what the program computes where `builder` stands; returns its outputs. `given`: the inputs, and
  /// weights that are to be no constants. Throws Error.
  virtual llvm::SmallVector<mlir::Value> append(mlir::OpBuilder& builder, NamedValues given,
                                                ElementsOf elements) const = 0;
  /// The names of the weights that are learned, as far as can be told.
  virtual std::vector<std::string> parameters() const = 0;
  /// Texts that are stored with it, by key.
  virtual std::map<std::string, std::string> metadata() const = 0;
  /// What the model calls itself; "" if nothing.
  virtual std::string name() const { return ""; }
};

/// The program as a module with one func.func @main, whose argument and result attributes `sinter.name` are
/// the names of its inputs and outputs, and of `parameters`: weights that are further arguments. `inputs`
/// gives the inputs' types in order. The dialects sinter and func must be loaded in `context`. Weights are
/// shared with `source`, which must outlive the module. Throws Error.
mlir::OwningOpRef<mlir::ModuleOp> import_program(mlir::MLIRContext& context, const ProgramSource& source,
                                                 std::span<const rt::TensorSpec> inputs,
                                                 std::span<const std::string> parameters = {});

} // namespace sinter::model
