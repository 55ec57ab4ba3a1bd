// A program run beside this one that answers in lines.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace sinter::tool {

/// A running program with pipes to and from it. It and whatever it started are gone with the object. If this
/// process is killed, the program is as well, but not what it started.
class ChildProcess {
public:
  /// Looks `program` up in PATH unless it names a folder. Throws Error (system) if it cannot be started.
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  enum class Read : uint8_t { line, ended, late, endless };

  /// Sends a line; one that nobody reads any more shows in the next read_line.
  void send(const std::string& line);
  /// Waits for a line of its standard output: `line`, without its end. Or the program closed its output, the
  /// time is up, or a line does not end. Throws Error if the user interrupts (see InterruptGuard).
  Read read_line(std::string& line, std::chrono::duration<double> patience);

  /// For a program whose output ended: how it ended itself, with the last line of its standard error.
  std::string obituary();
  /// Whether every thread of it waits for something.
  bool asleep() const;

private:
  void end();

  pid_t process_ = -1;
  int to_ = -1;
  int from_ = -1;
  int errors_ = -1; // a file in memory that takes its standard error
  std::string pending_;
};

/// While one of these lives, SIGINT and SIGTERM do not end the process but make ChildProcess and pause_for
/// throw, so that children and temporary files are cleared away.
class InterruptGuard {
public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

private:
  struct sigaction interrupt_ = {}; // as they were before
  struct sigaction terminate_ = {};
};

/// Sleeps; throws Error if the user interrupts.
void pause_for(std::chrono::milliseconds time);

} // namespace sinter::tool
