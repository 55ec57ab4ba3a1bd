// Places in sources: of the call, and made of a file and a line.
#include "sinter/ops.h"

#include <gmock/gmock.h>

namespace sinter {
namespace {

using testing::StartsWith;

uint32_t line_of_call(SourceLocation where = SourceLocation::current()) {
  return where.line();
}

TEST(SourceLocation, AsADefaultArgumentIsThatOfTheCall) {
  EXPECT_EQ(line_of_call(), static_cast<uint32_t>(__LINE__));
  constexpr SourceLocation here = SourceLocation::current();
  EXPECT_EQ(here.line() + 1, static_cast<uint32_t>(__LINE__));
  EXPECT_EQ(line_of_call(std::source_location::current()), static_cast<uint32_t>(__LINE__));
}

TEST(SourceLocation, MadeOfAFileAndALineIsWhatErrorsName) {
  try {
    matmul(Tensor::ones({2, 3}), Tensor::ones({2, 3}), SourceLocation("/folder/model.py", 12));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), StartsWith("model.py:12: matmul: "));
  }
}

} // namespace
} // namespace sinter
