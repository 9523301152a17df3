/* A parent that does not look at its child, which reads freed memory. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	pid_t child = fork();
	if (child == 0) {
		char *volatile gone = malloc(8);
		free(gone);
		_exit(gone[0]);
	}
	waitpid(child, NULL, 0);
	return 0;
}
