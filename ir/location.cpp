// Where operations come from, as people know it.
#include "ir/location.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sinter::ir {
namespace {

void collect(Location location, SmallVector<std::string>& sources) {
  const auto add = [&](std::string source) {
    if (!llvm::is_contained(sources, source))
      sources.push_back(std::move(source));
  };
  llvm::TypeSwitch<LocationAttr>(location)
      .Case([&](NameLoc name) { add(name.getName().str()); })
      .Case(
          [&](FileLineColLoc file) { add(file.getFilename().str() + ":" + std::to_string(file.getLine())); })
      .Case([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collect(part, sources);
      })
      .Case([&](CallSiteLoc call) { collect(call.getCallee(), sources); });
}

} // namespace

SmallVector<std::string> sourcesOf(Location location) {
  SmallVector<std::string> sources;
  collect(location, sources);
  return sources;
}

// Passes give what they create the location of what it replaces, so a mark on it stays; one among the
// attributes would keep equal operations from becoming one.
static constexpr StringLiteral kBackward = "backward";

Location asBackward(Location location) {
  return FusedLoc::get({location}, StringAttr::get(location.getContext(), kBackward), location.getContext());
}

bool isBackward(Location location) {
  const auto fused = dyn_cast<FusedLoc>(location);
  if (!fused)
    return false;
  const auto mark = dyn_cast_or_null<StringAttr>(fused.getMetadata());
  return (mark && mark.getValue() == kBackward) || llvm::any_of(fused.getLocations(), isBackward);
}

} // namespace sinter::ir
