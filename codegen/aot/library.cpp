// Everything a library is linked of, and the files that come with it.
#include "codegen/aot/library.h"

#include "codegen/aot/embedded.h"
#include "codegen/aot/interface.h"
#include "codegen/aot/link.h"
#include "codegen/cpu/jit.h"
#include "sinter/runtime/aot/model.h"
#include "sinter/runtime/error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace sinter::codegen::aot {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeightsSymbol = "sinter_weights";
// Code reaches its own data by 32-bit distances, and the weights may lie in between.
constexpr uint64_t kMostEmbedded = uint64_t{3} << 29;

std::string writeWeights(const PackedWeights& weights, const std::string& path, bool hasHeader) {
  std::ofstream stream(path, std::ios::binary);
  if (hasHeader) {
    rt::aot::WeightsHeader header;
    header.bytes = weights.bytes();
    const rt::Digest digest = weights.digest();
    std::memcpy(header.digest, digest.data(), digest.size());
    stream.write(reinterpret_cast<const char*>(&header), sizeof header);
  }
  weights.write(stream);
  stream.close();
  if (!stream)
    throw Error("cannot write '" + path + "': " + std::strerror(errno), ErrorKind::system);
  return path;
}

// The assembler copies the file; as a constant, LLVM would hold several copies of it.
void embedWeights(llvm::Module& module, const std::string& path) {
  std::string quoted;
  for (const char c : path)
    quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  if (path.find('\n') != std::string::npos)
    throw Error("the folder for temporary files has a line break in its name: " + path);
  module.setModuleInlineAsm(".section .rodata.sinter_weights,\"a\",%progbits\n.p2align 12\n.globl " +
                            std::string(kWeightsSymbol) + "\n.hidden " + kWeightsSymbol + "\n" +
                            kWeightsSymbol + ":\n.incbin \"" + quoted + "\"\n");
}

std::string compileModule(llvm::Module& module, const cpu::Target& target, const Workshop& workshop,
                          const std::string& file) {
  const auto object = cpu::compileToObject(module, target);
  return workshop.write(file, {object->getBufferStart(), object->getBufferSize()});
}

// A file appears under its name when it is whole.
class NewFile {
public:
  explicit NewFile(std::string path)
      : path_(std::move(path)),
        written_(path_ + "." + std::to_string(getpid()) + "-" + std::to_string(made++)) {}
  ~NewFile() {
    std::error_code ignored;
    fs::remove(written_, ignored);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::string& written() const { return written_; }
  void appear() const {
    std::error_code error;
    fs::rename(written_, path_, error);
    if (error)
      throw Error("cannot write '" + path_ + "': " + error.message(), ErrorKind::system);
  }

private:
  inline static std::atomic<unsigned> made = 0; // two of a process may write the same file
  std::string path_;
  std::string written_;
};

void writeText(const std::string& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream)
    throw Error("cannot write '" + path + "': " + std::strerror(errno), ErrorKind::system);
}

LinkInput makeObjects(const LibraryContents& contents, ModelTables& tables, const cpu::Target& target,
                      const Workshop& workshop, bool isShared, bool isEmbedded) {
  LinkInput input;
  input.exportNames = exportedNames(contents.name, isShared);
  llvm::LLVMContext context;
  llvm::Module interface("interface", context);
  emitInterface(interface, contents, tables, isShared);
  input.objects.push_back(compileModule(interface, target, workshop, "interface.o"));
  if (isEmbedded) {
    llvm::Module weights("weights", context);
    embedWeights(weights, writeWeights(tables.weights, workshop.path("weights"), false));
    input.objects.push_back(compileModule(weights, target, workshop, "weights.o"));
  }
  for (const auto& [symbol, object] : tables.kernels)
    input.objects.push_back(workshop.write(symbol + ".o", object->bytes));
  input.objects.push_back(workshop.write("runtime.o", embeddedFiles(target).runtime));
  return input;
}

} // namespace

void checkName(const std::string& name) {
  const auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  if (name.empty() || llvm::isDigit(name.front()) || !llvm::all_of(name, isWord))
    throw Error("'" + name +
                "' cannot begin the names of C functions: use letters, digits and _, and no digit first");
  if (llvm::StringRef(name).starts_with("sinter"))
    throw Error("'" + name + "': names that begin with sinter are Sinter's own");
}

LibrarySize writeLibrary(const LibraryContents& contents, const cpu::Target& target,
                         const std::string& targetName, const LibraryOutput& output) {
  checkName(contents.name);
  const bool isEmbedded = output.weightsFile.empty();
  const WeightsPlace place = isEmbedded ? WeightsPlace{kWeightsSymbol, ""}
                                        : WeightsPlace{"", fs::path(output.weightsFile).filename().string()};
  ModelTables tables = makeTables(contents, place);
  if (isEmbedded && tables.weights.bytes() > kMostEmbedded)
    throw Error(
        "the weights have " + std::to_string(tables.weights.bytes()) +
        " bytes: too many to lie in a library; have them in a file of their own (--weights separate)");

  const bool isShared = output.kind == LibraryKind::shared;
  const Workshop workshop;
  const LinkInput input = makeObjects(contents, tables, target, workshop, isShared, isEmbedded);
  const NewFile library(output.path), header(output.header);
  writeText(header.written(), headerText(contents, place, targetName));
  if (isShared) {
    linkShared(workshop, target, input, fs::path(output.path).filename().string(), library.written());
  } else if (output.kind == LibraryKind::object) {
    linkObject(workshop, target, input, library.written());
  } else {
    const std::string object = workshop.path("model.o");
    linkObject(workshop, target, input, object);
    makeArchive(object, contents.name + ".o", library.written());
  }
  std::error_code error;
  const uint64_t bytes = fs::file_size(library.written(), error);
  if (error)
    throw Error("cannot write '" + output.path + "': " + error.message(), ErrorKind::system);
  if (!isEmbedded) {
    const NewFile weights(output.weightsFile);
    writeWeights(tables.weights, weights.written(), true);
    weights.appear();
  }
  header.appear();
  library.appear();
  return {bytes, tables.weights.bytes(), tables.kernels.size()};
}

} // namespace sinter::codegen::aot
