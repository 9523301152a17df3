#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char **environ;

static void child_uses_the_driver(void)
{
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_SUCCESS);
}

static void child_of_a_started_process(void)
{
	CUdeviceptr at;
	EXPECT(cuMemAlloc_v2(&at, MIB) != CUDA_ERROR_OUT_OF_MEMORY);
}

static uint64_t left_now(void)
{
	size_t left, total;
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS);
	return left;
}

static void fork_before_the_first_call(void)
{
	EXPECT(check_in_child(child_uses_the_driver) == 0);
	EXPECT(check_in_child(child_uses_the_driver) == 0);
	check_start();
	EXPECT(check_alloc(1008 * MIB) == CUDA_SUCCESS);
}

static void child_exits(void)
{
	exit(0);
}

static void fork_after_the_first_call(void)
{
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_SUCCESS);
	EXPECT(check_in_child(child_of_a_started_process) == 0);
	EXPECT(check_in_child(child_exits) == 0);
	EXPECT(left_now() == 508 * MIB);
	EXPECT(check_alloc(509 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(check_alloc(508 * MIB) == CUDA_SUCCESS);
}

static void vfork_and_exit(void)
{
	int status;
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_SUCCESS);
	for (int i = 0; i < 20; i++) {
		pid_t pid = vfork();
		if (pid == 0)
			_exit(0);
		EXPECT(waitpid(pid, &status, 0) == pid);
	}
	EXPECT(left_now() == 508 * MIB);
}

static nvmlDevice_t first_device;

/* What was held before an exec is gone with it, also when another process looks first. */
static void exec_gives_back(void)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	if (getenv("SHIM_EXECED")) {
		check_start();
		EXPECT(left_now() == 1008 * MIB && check_alloc(1008 * MIB) == CUDA_SUCCESS);
		return;
	}
	check_start();
	EXPECT(check_alloc(600 * MIB) == CUDA_SUCCESS);
	setenv("SHIM_EXECED", "1", 1);
	execl(self, self, "exec_gives_back", NULL);
	_exit(9);
}

/* The same when what runs then never asks for the driver. */
static void exec_of_another_program_gives_back(void)
{
	int ready[2];
	char byte;
	EXPECT(pipe(ready) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		check_start();
		EXPECT(check_alloc(600 * MIB) == CUDA_SUCCESS);
		dup2(ready[1], 1);
		execl("/bin/sh", "sh", "-c", "echo x; exec sleep 30", NULL);
		_exit(9);
	}
	EXPECT(read(ready[0], &byte, 1) == 1);
	check_start();
	EXPECT(check_alloc(1008 * MIB) == CUDA_SUCCESS);
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

static void *ask_nvml(void *arg)
{
	nvmlMemory_t memory;
	(void)arg;
	EXPECT(nvmlDeviceGetMemoryInfo(first_device, &memory) == NVML_SUCCESS);
	return NULL;
}

static void child_asks_nvml(void)
{
	alarm(10);
	ask_nvml(NULL);
}

/* A fork while another thread asks the shim for NVML the first time: the child waits for nobody who is not there. The
 * simulator has begun before.
 */
static void fork_while_nvml_is_opened(void)
{
	pthread_t other;
	EXPECT(nvmlInit_v2() == NVML_SUCCESS && nvmlDeviceGetHandleByIndex_v2(0, &first_device) == NVML_SUCCESS);
	EXPECT(pthread_create(&other, NULL, ask_nvml, NULL) == 0);
	for (int i = 0; i < 50; i++)
		EXPECT(check_in_child(child_asks_nvml) == 0);
	pthread_join(other, NULL);
}

static int clone_exits(void *arg)
{
	(void)arg;
	exit(0);
}

/* A child that no handler of fork() sees, and that runs what exit() runs. */
static void bare_clone_and_exit(void)
{
	static char stack[1 << 16];
	int status;
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_SUCCESS);
	for (int i = 0; i < 20; i++) {
		pid_t pid = clone(clone_exits, stack + sizeof stack, SIGCHLD, NULL);
		EXPECT(waitpid(pid, &status, 0) == pid);
	}
	EXPECT(left_now() == 508 * MIB);
	EXPECT(check_alloc(508 * MIB) == CUDA_SUCCESS);
}

/* The dead's memory is free, also while nobody has waited for them. */
static void killed_gives_back(void)
{
	siginfo_t dead;
	int go[2];
	char byte;
	EXPECT(pipe(go) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		child_uses_the_driver();
		EXPECT(write(go[1], "x", 1) == 1);
		pause();
	}
	EXPECT(read(go[0], &byte, 1) == 1);
	check_start();
	EXPECT(check_alloc(900 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(kill(pid, SIGKILL) == 0);
	EXPECT(waitid(P_PID, (id_t)pid, &dead, WEXITED | WNOWAIT) == 0);
	EXPECT(check_alloc(900 * MIB) == CUDA_SUCCESS);
}

/* Each holds 3 MiB, its context of one among them. */
static void child_of_many(int ready)
{
	CUcontext context;
	EXPECT(cuInit(0) == CUDA_SUCCESS);
	EXPECT(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS && cuCtxSetCurrent(context) == CUDA_SUCCESS);
	EXPECT(check_alloc(2 * MIB) == CUDA_SUCCESS);
	EXPECT(write(ready, "x", 1) == 1);
	pause();
}

/* More processes than are summed one by one; the last of them die, and are missed at once. Only where the test has
 * contexts of 1 MiB.
 */
static void many_processes(void)
{
	enum { MANY = 120, DIE = 90 };
	const char *context = getenv("FAKE_CONTEXT_MIB");
	pid_t list[MANY];
	int ready[2];
	char byte;
	if (!context || strcmp(context, "1") != 0)
		return;
	EXPECT(pipe(ready) == 0);
	for (int i = 0; i < MANY; i++)
		if ((list[i] = fork()) == 0)
			child_of_many(ready[1]);
	for (int i = 0; i < MANY; i++)
		EXPECT(read(ready[0], &byte, 1) == 1);
	check_start();
	EXPECT(left_now() == (1024 - 3 * MANY - 1) * MIB && fake_held(0) == (3 * MANY + 1) * MIB);
	EXPECT(check_alloc((1024 - 3 * MANY) * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	for (int i = 0; i < DIE; i++)
		EXPECT(kill(list[i], SIGKILL) == 0 && waitpid(list[i], NULL, 0) == list[i]);
	EXPECT(check_alloc((1024 - 3 * (MANY - DIE) - 1) * MIB) == CUDA_SUCCESS);
	EXPECT(check_alloc(1) == CUDA_ERROR_OUT_OF_MEMORY);
	for (int i = DIE; i < MANY; i++)
		EXPECT(kill(list[i], SIGKILL) == 0 && waitpid(list[i], NULL, 0) == list[i]);
}

static void stopped_stops_nobody(void)
{
	int status;
	int go[2];
	char byte;
	EXPECT(pipe(go) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		check_start();
		EXPECT(write(go[1], "x", 1) == 1);
		for (;;) {
			CUdeviceptr at;
			if (cuMemAlloc_v2(&at, 8 * MIB) == CUDA_SUCCESS)
				cuMemFree_v2(at);
		}
	}
	EXPECT(read(go[0], &byte, 1) == 1);
	kill(pid, SIGSTOP);
	check_start();
	for (int i = 0; i < 1000; i++) {
		CUdeviceptr at;
		if (cuMemAlloc_v2(&at, 4096) == CUDA_SUCCESS)
			cuMemFree_v2(at);
	}
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, &status, 0) == pid);
}

static void handler(int signal)
{
	(void)signal;
}

/* Signals, umask, environment, errno: as the program left them. */
static void program_is_left_alone(void)
{
	struct sigaction action = {.sa_handler = handler}, now;
	char **list = environ;
	size_t count = 0;
	for (char **e = environ; *e; e++)
		count++;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	umask(027);
	errno = 77;
	check_start();
	EXPECT(check_alloc(MIB) == CUDA_SUCCESS);
	for (int i = 0; i < 40; i++)
		check_alloc(64 * MIB);
	EXPECT(umask(022) == 027);
	EXPECT(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == handler);
	EXPECT(sigaction(SIGUSR2, NULL, &now) == 0 && now.sa_handler == handler);
	EXPECT(environ == list);
	for (char **e = environ; *e; e++)
		count--;
	EXPECT(count == 0);
}

static void limit_holds_in_a_bare_environment(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		char self[512];
		ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
		EXPECT(n > 0);
		self[n] = 0;
		const char *const names[] = {
			"LD_PRELOAD", "LD_LIBRARY_PATH", "FAKE_GPU", "REEVE_SHIM_DRIVER", "REEVE_SHIM_NVML"};
		char kept[8][600];
		char *bare[8] = {NULL};
		for (size_t i = 0, at = 0; i < sizeof names / sizeof names[0]; i++) {
			if (!getenv(names[i]))
				continue;
			snprintf(kept[at], sizeof kept[at], "%s=%s", names[i], getenv(names[i]));
			bare[at] = kept[at];
			at++;
		}
		char *arguments[] = {self, "fill_alloc", NULL};
		execve(self, arguments, bare);
		_exit(9);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(status == 0);
}

/* Whoever removes the container's file while it is used does not begin a new account. */
static void limit_holds_when_the_file_is_removed(void)
{
	const char *path = getenv("CUDA_DEVICE_MEMORY_SHARED_CACHE");
	check_start();
	EXPECT(check_alloc(600 * MIB) == CUDA_SUCCESS);
	EXPECT(path && unlink(path) == 0);
	EXPECT(check_in_child(child_uses_the_driver) != 0); /* it is a child of a process that has started */
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		char self[512];
		ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
		self[n > 0 ? n : 0] = 0;
		execl(self, self, "to_what_is_left", NULL);
		_exit(9);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(status == 0);
}

static void context_later(void)
{
	usleep(100000);
	check_start();
	pause();
}

/* Two make the first contexts of the container, and the one that is done first fills what is left. */
static void room_for_a_context_that_is_being_made(void)
{
	setenv("FAKE_CONTEXT_US", "200000", 1);
	pid_t pid = fork();
	if (pid == 0)
		context_later();
	check_start();
	while (check_alloc(8 * MIB) == CUDA_SUCCESS)
		continue;
	usleep(400000);
	uint64_t held = fake_held(0);
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	EXPECT(held <= 1024 * MIB && held >= 960 * MIB);
}

/* Holds 616 MiB as long as a file is there. Only where the test names one. */
static void stay(void)
{
	const char *path = getenv("SHIM_STAY");
	if (!path)
		return;
	check_start();
	EXPECT(check_alloc(600 * MIB) == CUDA_SUCCESS);
	puts("staying");
	fflush(stdout);
	for (int i = 0; i < 1000 && access(path, F_OK) == 0; i++)
		usleep(20000);
}

/* Of 1024 MiB, 616 are held by another. */
static void to_what_is_left(void)
{
	if (fake_held(0) == 0)
		return;
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(check_alloc(392 * MIB) == CUDA_SUCCESS);
}

const check checks_process[] = {
	{"fork_before_the_first_call", fork_before_the_first_call},
	{"fork_after_the_first_call", fork_after_the_first_call},
	{"vfork_and_exit", vfork_and_exit},
	{"exec_gives_back", exec_gives_back},
	{"exec_of_another_program_gives_back", exec_of_another_program_gives_back},
	{"fork_while_nvml_is_opened", fork_while_nvml_is_opened},
	{"bare_clone_and_exit", bare_clone_and_exit},
	{"killed_gives_back", killed_gives_back},
	{"many_processes", many_processes},
	{"stopped_stops_nobody", stopped_stops_nobody},
	{"program_is_left_alone", program_is_left_alone},
	{"limit_holds_in_a_bare_environment", limit_holds_in_a_bare_environment},
	{"limit_holds_when_the_file_is_removed", limit_holds_when_the_file_is_removed},
	{"room_for_a_context_that_is_being_made", room_for_a_context_that_is_being_made},
	{"stay", stay},
	{"to_what_is_left", to_what_is_left},
	{NULL, NULL},
};
