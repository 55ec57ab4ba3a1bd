// Everything a library is linked of, and the files that come with it.
#include "codegen/aot/library.h"

#include "codegen/aot/embedded.h"
#include "codegen/aot/interface.h"
#include "codegen/aot/link.h"
#include "codegen/cpu/jit.h"
#include "sinter/runtime/aot/model.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/file_writer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

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

// The bytes of a file that was made elsewhere.
void copyInto(rt::FileWriter& file, const std::string& made) {
  const auto buffer = llvm::MemoryBuffer::getFile(made, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    throw Error("cannot read '" + made + "': " + buffer.getError().message(), ErrorKind::system);
  file.write((*buffer)->getBufferStart(), (*buffer)->getBufferSize());
}

void link(const LibraryOutput& output, const cpu::Target& target, const LinkInput& input,
          const Workshop& workshop, const std::string& name, const std::string& made) {
  switch (output.kind) {
  case LibraryKind::shared:
    return linkShared(workshop, target, input, fs::path(output.path).filename().string(), made);
  case LibraryKind::object:
    return linkObject(workshop, target, input, made);
  case LibraryKind::archive:
    const std::string object = workshop.path("model.o");
    linkObject(workshop, target, input, object);
    return makeArchive(object, name + ".o", made);
  }
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

  // What cannot be written is told before anything is in its place.
  rt::FileWriter library(output.path), header(output.header);
  std::optional<rt::FileWriter> weights;
  if (!isEmbedded)
    weights.emplace(output.weightsFile);
  const bool isShared = output.kind == LibraryKind::shared;
  const Workshop workshop;
  const LinkInput input = makeObjects(contents, tables, target, workshop, isShared, isEmbedded);
  const std::string made = workshop.path("library");
  link(output, target, input, workshop, contents.name, made);
  copyInto(library, made);
  const std::string text = headerText(contents, place, targetName);
  header.write(text.data(), text.size());
  if (weights) {
    copyInto(*weights, writeWeights(tables.weights, workshop.path("weights"), true));
    weights->put_in_place();
  }
  header.put_in_place();
  library.put_in_place();
  std::error_code ignored;
  return {fs::file_size(made, ignored), tables.weights.bytes(), tables.kernels.size()};
}

} // namespace sinter::codegen::aot
