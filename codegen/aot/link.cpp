// The linker in this process.
#include "codegen/aot/link.h"

#include "codegen/aot/embedded.h"
#include "sinter/runtime/error.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace sinter::codegen::aot {
namespace {

// The linker keeps its state in globals.
std::mutex linkerMutex;

void runLinker(const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers = {"ld.lld"};
  for (const std::string& argument : arguments)
    pointers.push_back(argument.c_str());
  std::string output, errors;
  llvm::raw_string_ostream outputStream(output), errorStream(errors);
  const std::lock_guard lock(linkerMutex);
  const lld::Result result = lld::lldMain(pointers, outputStream, errorStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    throw Error("cannot link the library: " + llvm::StringRef(errors).split('\n').first.str(),
                ErrorKind::internal);
}

[[noreturn]] void failToWrite(const std::string& path, int error) {
  throw Error("cannot write '" + path + "': " + std::strerror(error), ErrorKind::system);
}

void check(llvm::Error error, const std::string& what) {
  if (error)
    throw Error(what + ": " + llvm::toString(std::move(error)), ErrorKind::internal);
}

std::vector<std::string> commonArguments(const cpu::Target& target) {
  return {"-m", target.isX86() ? "elf_x86_64" : "aarch64linux", "--threads=1", "--build-id=sha1",
          "--no-color-diagnostics"};
}

std::string versionScript(const LinkInput& input) {
  return "{ global: " + llvm::join(input.exportNames, "; ") + "; local: *; };\n";
}

} // namespace

Workshop::Workshop() {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  if (error)
    throw Error("there is no folder for temporary files: " + error.message(), ErrorKind::system);
  std::string pattern = (parent / "sinter-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    failToWrite(pattern, errno);
  folder_ = pattern;
}

Workshop::~Workshop() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Workshop::write(const std::string& name, std::string_view bytes) const {
  const std::string file = path(name);
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream)
    failToWrite(file, errno);
  return file;
}

void linkShared(const Workshop& workshop, const cpu::Target& target, const LinkInput& input,
                const std::string& soname, const std::string& output) {
  std::vector<std::string> arguments = commonArguments(target);
  const EmbeddedFiles files = embeddedFiles(target);
  for (const char* option : {"-shared", "--gc-sections", "--hash-style=gnu", "--eh-frame-hdr", "--as-needed"})
    arguments.emplace_back(option);
  for (const char* option : {"relro", "now", "noexecstack"}) {
    arguments.emplace_back("-z");
    arguments.emplace_back(option);
  }
#ifndef SINTER_AOT_SANITIZED // then, the program has the sanitizer's functions
  arguments.emplace_back("-z");
  arguments.emplace_back("defs");
#endif
  arguments.push_back("-soname=" + soname);
  arguments.push_back("--version-script=" + workshop.write("exports.map", versionScript(input)));
  arguments.insert(arguments.end(), input.objects.begin(), input.objects.end());
  arguments.push_back(workshop.write("libc.so", files.libc));
  arguments.push_back(workshop.write("libm.so", files.libm));
  if (!files.ld.empty())
    arguments.push_back(workshop.write("ld.so", files.ld));
  arguments.emplace_back("-o");
  arguments.push_back(output);
  runLinker(arguments);
}

void linkObject(const Workshop& workshop, const cpu::Target& target, const LinkInput& input,
                const std::string& output) {
  const std::string whole = workshop.path("whole.o");
  std::vector<std::string> arguments = commonArguments(target);
  arguments.emplace_back("-r");
  arguments.insert(arguments.end(), input.objects.begin(), input.objects.end());
  arguments.emplace_back("-o");
  arguments.push_back(whole);
  runLinker(arguments);

  const auto buffer = llvm::MemoryBuffer::getFile(whole, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    throw Error("cannot read '" + whole + "': " + buffer.getError().message(), ErrorKind::system);
  auto binary = llvm::object::createBinary(**buffer);
  if (!binary)
    check(binary.takeError(), "cannot read a linked object");
  llvm::objcopy::ConfigManager config;
  config.Common.InputFilename = whole;
  config.Common.OutputFilename = output;
  config.ELF.LocalizeHidden = true;
  std::error_code error;
  llvm::raw_fd_ostream stream(output, error);
  if (error)
    failToWrite(output, error.value());
  check(llvm::objcopy::executeObjcopyOnBinary(config, **binary, stream), "cannot make symbols local");
  stream.close();
  if (stream.has_error())
    failToWrite(output, stream.error().value());
}

void makeArchive(const std::string& object, const std::string& member, const std::string& output) {
  auto file = llvm::NewArchiveMember::getFile(object, /*Deterministic=*/true);
  if (!file)
    check(file.takeError(), "cannot read '" + object + "'");
  file->MemberName = member;
  std::vector<llvm::NewArchiveMember> members;
  members.push_back(std::move(*file));
  check(llvm::writeArchive(output, members, llvm::SymtabWritingMode::NormalSymtab,
                           llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false),
        "cannot write '" + output + "'");
}

} // namespace sinter::codegen::aot
