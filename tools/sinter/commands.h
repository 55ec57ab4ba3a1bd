// The subcommands of the sinter tool.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace sinter::tool {

/// What a subcommand does once its options are parsed; returns the exit status.
using Command = std::function<int()>;

// Each adds its subcommand to `app` and returns what to call if the user chose it.
Command add_run(CLI::App& app);
Command add_bench(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_export(CLI::App& app);
Command add_cache(CLI::App& app);
Command add_compile(CLI::App& app);
Command add_manual(CLI::App& app);
Command add_completion(CLI::App& app);

} // namespace sinter::tool
