// A program run beside this one that answers in lines.
#include "child_process.h"

#include "sinter/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace sinter::tool {

namespace {

constexpr std::size_t kLongestLine = 1 << 16;

volatile std::sig_atomic_t interrupted = 0;

void note_interrupt(int /*signal*/) {
  interrupted = 1;
}

void throw_if_interrupted() {
  if (interrupted != 0)
    throw Error("interrupted", ErrorKind::system);
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(fmt::format("cannot make a pipe: {}", std::strerror(errno)), ErrorKind::system);
  return ends;
}

/// What the child does between fork and its own code: only calls that are safe there. Does not return.
void become(const std::vector<char*>& arguments, int in, int out, int errors, int report, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(127); // it died before it was asked for
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0)
    execvp(arguments[0], arguments.data());
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(report, &error, sizeof error);
  _exit(127);
}

std::string last_line(int file) {
  constexpr off_t kMost = 4096;
  const off_t size = lseek(file, 0, SEEK_END);
  const off_t start = std::max<off_t>(0, size - kMost);
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, size - start)), '\0');
  const ssize_t n = pread(file, text.data(), text.size(), start);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, n)));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

} // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::array<int, 2> in = make_pipe();
  const std::array<int, 2> out = make_pipe();
  const std::array<int, 2> report = make_pipe(); // closed by a successful exec
  to_ = in[1];
  from_ = out[0];
  errors_ = memfd_create("errors", MFD_CLOEXEC);
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0)
    become(argv, in[0], out[1], errors_, report[1], parent);
  int error = process_ < 0 ? errno : 0;
  close(in[0]);
  close(out[1]);
  close(report[1]);
  if (process_ > 0) {
    setpgid(process_, process_);
    if (read(report[0], &error, sizeof error) != sizeof error)
      error = 0;
  }
  close(report[0]);
  if (error != 0) {
    end();
    throw Error(fmt::format("cannot start {}: {}", program, std::strerror(error)), ErrorKind::system);
  }
}

ChildProcess::~ChildProcess() {
  end();
}

void ChildProcess::end() {
  if (process_ > 0) {
    kill(-process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  process_ = -1;
  for (int* file : {&to_, &from_, &errors_}) {
    if (*file >= 0)
      close(*file);
    *file = -1;
  }
}

void ChildProcess::send(const std::string& line) {
  const std::string text = line + "\n";
  // A reader that is gone is no reason for this process to end.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = write(to_, text.data() + sent, text.size() - sent);
    if (n < 0 && errno != EINTR)
      break;
    sent += static_cast<std::size_t>(std::max<ssize_t>(0, n));
  }
  std::signal(SIGPIPE, before);
}

ChildProcess::Read ChildProcess::read_line(std::string& line, std::chrono::duration<double> patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  std::array<char, 4096> buffer{};
  while (true) {
    throw_if_interrupted();
    if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return Read::line;
    }
    if (pending_.size() > kLongestLine)
      return Read::endless;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left < 0)
      return Read::late;
    pollfd file{from_, POLLIN, 0};
    const int ready = poll(&file, 1, static_cast<int>(std::min<int64_t>(left + 1, 100)));
    if (ready <= 0)
      continue; // interrupted, or not yet
    const ssize_t n = read(from_, buffer.data(), buffer.size());
    if (n == 0 || (n < 0 && errno != EINTR))
      return Read::ended;
    pending_.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(0, n)));
  }
}

std::string ChildProcess::obituary() {
  // One that only closed its output may live on.
  siginfo_t info{};
  for (int i = 0; i < 100 && info.si_pid == 0; ++i) {
    if (waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
      break;
    if (info.si_pid == 0)
      pause_for(std::chrono::milliseconds(10));
  }
  std::string text = "closed its output";
  if (info.si_pid != 0)
    text = info.si_code == CLD_EXITED
               ? fmt::format("ended with status {}", info.si_status)
               : fmt::format("was killed by signal {} ({})", info.si_status, strsignal(info.si_status));
  const std::string last = last_line(errors_);
  return last.empty() ? text : fmt::format("{}: {}", text, last);
}

bool ChildProcess::asleep() const {
  std::error_code error;
  const std::filesystem::directory_iterator threads(fmt::format("/proc/{}/task", process_), error);
  for (const auto& thread : threads) {
    std::ifstream file(thread.path() / "stat");
    std::string text;
    std::getline(file, text);
    // "12 (name) S ...": the name may hold anything.
    const std::size_t state = text.rfind(") ");
    if (state != std::string::npos && state + 2 < text.size() && text[state + 2] == 'R')
      return false;
  }
  return true;
}

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action = {}; // without SA_RESTART: a wait comes back
  action.sa_handler = note_interrupt;
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
}

void pause_for(std::chrono::milliseconds time) {
  const timespec span{time.count() / 1000, time.count() % 1000 * 1000000};
  nanosleep(&span, nullptr);
  throw_if_interrupted();
}

} // namespace sinter::tool
