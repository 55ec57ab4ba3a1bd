// A saved function: a safetensors file with a program in its metadata.
#pragma once

#include "frontend/model/source/program_source.h"
#include "frontend/safetensors/header.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <memory>
#include <string>

namespace sinter::saved {

// The metadata of such a file.
inline constexpr char kProgramKey[] = "sinter.program";
inline constexpr char kVersionKey[] = "sinter.version";
inline constexpr char kChecksumKey[] = "sinter.checksum"; ///< of the program's text
inline constexpr char kVersion[] = "1";

/// XXH64 of a program's text, in hexadecimal digits.
std::string checksum_of(const std::string& program);

/// True for files that begin as safetensors files do. Throws Error if the file cannot be opened.
bool is_saved(const std::string& path);

/// The program of a file. Its shapes are those it was saved for; its weights stay in the file, which is kept
/// open.
class SavedProgram : public model::ProgramSource {
public:
  /// The file is untrusted. Throws Error, naming it, for anything but a well-formed saved function.
  static std::unique_ptr<SavedProgram> load(const std::string& path);

  llvm::SmallVector<mlir::Value> append(mlir::OpBuilder& builder, model::NamedValues given,
                                        model::ElementsOf elements) const override;
  std::vector<std::string> parameters() const override { return parameters_; }
  std::map<std::string, std::string> metadata() const override { return metadata_; }

private:
  explicit SavedProgram(const std::string& path);
  void read_values(mlir::ModuleOp module);
  void read_weights(mlir::ModuleOp module, const safetensors::Header& header,
                    const std::shared_ptr<data::ByteSource>& source);

  std::string text_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> parameters_;
};

} // namespace sinter::saved
