// What people are told about where an operation comes from.
#include "ir/location.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/MLIRContext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinter::ir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Sources : testing::Test {
  mlir::Location name(const char* text) { return mlir::NameLoc::get(mlir::StringAttr::get(&context, text)); }
  mlir::Location line(const char* file, unsigned number) {
    return mlir::FileLineColLoc::get(&context, file, number, 3);
  }
  mlir::Location fused(std::initializer_list<mlir::Location> parts) {
    return mlir::FusedLoc::get(&context, parts);
  }

  mlir::MLIRContext context;
};

TEST_F(Sources, OfOnePlace) {
  EXPECT_THAT(sourcesOf(name("conv_7")), ElementsAre("conv_7"));
  EXPECT_THAT(sourcesOf(line("dir/net.cpp", 12)), ElementsAre("dir/net.cpp:12"));
  EXPECT_THAT(sourcesOf(mlir::CallSiteLoc::get(line("a.h", 1), line("b.h", 2))), ElementsAre("a.h:1"));
  EXPECT_THAT(sourcesOf(mlir::UnknownLoc::get(&context)), IsEmpty());
}

TEST_F(Sources, AreDistinctAndInOrder) {
  EXPECT_THAT(sourcesOf(fused({line("b.cpp", 2), fused({line("a.cpp", 1), line("b.cpp", 2)}), name("relu")})),
              ElementsAre("b.cpp:2", "a.cpp:1", "relu"));
}

TEST_F(Sources, MayBePartsOfOthers) {
  EXPECT_THAT(sourcesOf(fused({name("node_12"), name("node_1"), name("node_12")})),
              ElementsAre("node_12", "node_1"));
  EXPECT_THAT(sourcesOf(fused({line("net.cpp", 12), line("net.cpp", 1)})),
              ElementsAre("net.cpp:12", "net.cpp:1"));
}

} // namespace
} // namespace sinter::ir
