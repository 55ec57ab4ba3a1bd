// Drawings by Graphviz.
#pragma once

#include <string>

namespace sinter::tool {

/// Runs Graphviz's `dot` on a graph; returns the SVG. Throws Error if it is not installed or fails.
std::string draw_svg(const std::string& dot);

} // namespace sinter::tool
