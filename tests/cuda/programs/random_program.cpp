// Compiled against interpreted.
#include "random_program.h"

#include "codegen/compile.h"

#include <cstring>

namespace sinter::cuda_tests {

std::string disagreement(RandomProgram& program, const rt::Executable& executable, rt::ThreadPool& pool) {
  const auto expected = differential::resultBuffers(program.made.module());
  codegen::interpret(program.made.module(), program.made.inputs(), differential::views(expected));
  const auto results = differential::resultBuffers(program.made.module());
  for (const auto& result : results) // what is not written shows
    std::memset(result.view.data, 0x5A, result.view.dtype == DType::boolean ? 0 : result.view.bytes());
  executable.run(program.made.inputs(), differential::views(results), pool);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (std::string text = differential::disagreement(results[i].view, expected[i].view, program.count);
        !text.empty())
      return "result " + std::to_string(i) + ": " + text;
  return "";
}

} // namespace sinter::cuda_tests
