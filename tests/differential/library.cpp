// Libraries of random programs. For another architecture, a small program in C runs them in an emulator, on
// files.
#include "library.h"

#include "codegen/aot/library.h"
#include "codegen/compile.h"
#include "sinter/runtime/aot/interface.h"
#include "support/tool.h"

#include <cstring>
#include <dlfcn.h>
#include <stdexcept>

namespace sinter::differential {
namespace {

using rt::aot::Interface;

std::string makeLibrary(mlir::ModuleOp module, const std::string& target,
                        const test::TemporaryFolder& folder) {
  codegen::KernelObjects objects;
  codegen::CompileOptions options;
  options.cpu = target;
  options.objects = &objects;
  codegen::aot::LibraryContents contents;
  contents.name = "program";
  contents.variants = {{}};
  const auto compiledFor = codegen::cpu::Target::ofLibrary(target);
  contents.versions = {{compiledFor.level(), {codegen::compile(module, options)}}};
  codegen::aot::LibraryOutput output;
  output.path = folder.path("libprogram.so");
  output.header = folder.path("program.h");
  codegen::aot::writeLibrary(contents, compiledFor, target, output);
  return output.path;
}

void runHere(const std::string& path, std::span<const View> inputs, std::span<const Buffer> results) {
  void* handle = dlopen(path.c_str(), RTLD_NOW);
  if (!handle)
    throw std::runtime_error(dlerror());
  const auto& c = *static_cast<const Interface*>(dlsym(handle, rt::aot::kInterfaceSymbol));
  std::vector<const void*> from;
  std::vector<void*> to;
  std::vector<size_t> fromBytes, toBytes;
  for (const View& input : inputs) {
    from.push_back(input.data);
    fromBytes.push_back(input.bytes());
  }
  for (const Buffer& result : results) {
    to.push_back(result.view.data);
    toBytes.push_back(result.view.bytes());
  }
  const sinter_options options{.threads = 2, .weights = nullptr, .workspace = nullptr, .workspace_bytes = 0};
  sinter_aot_context* context = nullptr;
  const bool isRun = c.create(&options, &context) == SINTER_OK &&
                     c.run(context, from.data(), fromBytes.data(), to.data(), toBytes.data()) == SINTER_OK;
  const std::string error = isRun ? "" : c.error();
  c.destroy(context);
  dlclose(handle);
  if (!isRun)
    throw std::runtime_error(error);
}

#ifdef SINTER_AARCH64_RUNNER
void runEmulated(const std::string& path, std::span<const View> inputs, std::span<const Buffer> results,
                 const test::TemporaryFolder& folder) {
  std::string bytes;
  for (const View& input : inputs)
    bytes.append(static_cast<const char*>(input.data), input.bytes());
  const test::ToolResult run =
      test::run_program(SINTER_QEMU, {"-L", "/usr/aarch64-linux-gnu", SINTER_AARCH64_RUNNER, path,
                                      folder.write("in", bytes), folder.path("out")});
  if (run.status != 0)
    throw std::runtime_error("the emulator: " + run.err);
  const std::string out = test::read_file(folder.path("out"));
  size_t at = 0;
  for (const Buffer& result : results) {
    if (at + result.view.bytes() > out.size())
      throw std::runtime_error("the emulator wrote too little");
    std::memcpy(result.view.data, out.data() + at, result.view.bytes());
    at += result.view.bytes();
  }
}
#endif

} // namespace

void runAsLibrary(mlir::ModuleOp module, const std::string& target, std::span<const View> inputs,
                  std::span<const Buffer> results) {
  const test::TemporaryFolder folder;
  const std::string path = makeLibrary(module, target, folder);
#ifdef SINTER_AARCH64_RUNNER
  if (target == "aarch64")
    return runEmulated(path, inputs, results, folder);
#endif
  runHere(path, inputs, results);
}

} // namespace sinter::differential
