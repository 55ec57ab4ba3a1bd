// In the place of libnvrtc.so: "compiles" CUDA C++ for the processor, with tests/cuda/host_shim.h, into a
// shared library that the stand-in of the driver loads. So all that leads from a model to launches and copies
// runs in tests.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Program {
  std::string source, log;
  std::vector<char> code;
};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int nvrtcVersion(int* major, int* minor) {
  *major = 0; // no code of a real one is ever taken for code of this
  *minor = 1;
  return 0;
}

EXPORT int nvrtcCreateProgram(Program** program, const char* source, const char*, int, const char* const*,
                              const char* const*) {
  *program = new Program{source, "", {}};
  return 0;
}

EXPORT int nvrtcDestroyProgram(Program** program) {
  delete *program;
  return 0;
}

EXPORT int nvrtcCompileProgram(Program* program, int, const char* const*) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sinter-cuda-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    return 1;
  const std::filesystem::path folder = pattern;
  const bool together = program->source.find(" barrier();") != std::string::npos ||
                        program->source.find(" = last_at_barrier(") != std::string::npos ||
                        program->source.find(" = any_at_barrier(") != std::string::npos ||
                        program->source.find(" = lane_xor<") != std::string::npos;
  std::ofstream(folder / "kernel.cpp")
      << "#include \"host_shim.h\"\n"
      << program->source << "\nHOST_FUNCTION(of_sinter_kernel::sinter_kernel, "
      << "sinter_kernel_on_host, " << (together ? "true" : "false") << ")\n";
  const std::string command =
      SINTER_HOST_COMPILER
      " -std=c++20 -O0 -w -fsanitize=alignment -fsanitize-trap=alignment -fPIC -shared -I" SINTER_SOURCE_DIR
      "/tests/cuda -I" SINTER_SOURCE_DIR "/runtime/include -o " +
      (folder / "kernel.so").string() + " " + (folder / "kernel.cpp").string() + " >" +
      (folder / "log").string() + " 2>&1";
  const bool failed = std::system(command.c_str()) != 0;
  program->log = bytes_of(folder / "log");
  const std::string code = bytes_of(folder / "kernel.so");
  program->code.assign(code.begin(), code.end());
  std::filesystem::remove_all(folder);
  return failed ? 6 : 0;
}

EXPORT int nvrtcGetCUBINSize(Program* program, std::size_t* size) {
  *size = program->code.size();
  return 0;
}

EXPORT int nvrtcGetCUBIN(Program* program, char* code) {
  std::memcpy(code, program->code.data(), program->code.size());
  return 0;
}

EXPORT int nvrtcGetPTXSize(Program* program, std::size_t* size) {
  return nvrtcGetCUBINSize(program, size);
}

EXPORT int nvrtcGetPTX(Program* program, char* code) {
  return nvrtcGetCUBIN(program, code);
}

EXPORT int nvrtcGetNumSupportedArchs(int* count) {
  *count = 2;
  return 0;
}

EXPORT int nvrtcGetSupportedArchs(int* architectures) {
  architectures[0] = 80;
  architectures[1] = 90;
  return 0;
}

EXPORT int nvrtcGetProgramLogSize(Program* program, std::size_t* size) {
  *size = program->log.size() + 1;
  return 0;
}

EXPORT int nvrtcGetProgramLog(Program* program, char* log) {
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return 0;
}

EXPORT const char* nvrtcGetErrorString(int result) {
  return result == 6 ? "NVRTC_ERROR_COMPILATION" : "an error of the stand-in";
}
