// Tensors as attributes of constants, without copying weights.
#pragma once

#include "ir/dialect.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace sinter::ir {

/// The attribute that holds the elements `storage` has from `byteOffset` on, dense in the physical order of
/// `type`. Small tensors are copied inline; larger ones stay in the storage, which the attribute keeps alive.
mlir::ElementsAttr makeElements(mlir::RankedTensorType type, std::shared_ptr<Storage> storage,
                                uint64_t byteOffset = 0);

/// The same for elements that nobody writes to any more: equal ones are one attribute, so that programs that
/// hold them are equal.
mlir::ElementsAttr makeTable(mlir::RankedTensorType type, const std::shared_ptr<Storage>& storage);

/// The same for elements that go by a name of their own, `key`, in the whole process: attributes of one key
/// are one. Does not keep large ones alive: whoever reads the attribute, or makes another of that key, does.
mlir::ElementsAttr makeKeyedElements(mlir::RankedTensorType type, const std::shared_ptr<Storage>& storage,
                                     llvm::StringRef key);

/// Gives every promised constant of `module` its elements (ConstantDeferral): what prints or writes them does
/// not know of promises.
void makePromisedConstants(mlir::Operation* module);

/// The elements of a constant: a dense view of its physical shape, and the storage that keeps them alive.
struct ConstantData {
  std::shared_ptr<Storage> storage;
  uint64_t byteOffset = 0;
  View view;
};
ConstantData readElements(mlir::ElementsAttr value);

/// If `value` is made by a sinter.constant, its data.
std::optional<ConstantData> constantData(mlir::Value value);

/// The elements of an integer constant (i32 or i64) in row-major order; nothing if `value` is not one.
std::optional<llvm::SmallVector<int64_t>> constantIntegers(mlir::Value value);

/// The shape a tensor of `type` has in memory.
Shape physicalShape(mlir::RankedTensorType type);

} // namespace sinter::ir
