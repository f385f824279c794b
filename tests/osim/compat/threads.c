/* SPDX-License-Identifier: MIT */
/* Threads over futex: mutex, condition variable, semaphore, join; futex's own errors. */
#include "compat.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int n, turn, word = 5;
static sem_t sem;

static void *work(void *arg)
{
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&m);
		n++;
		pthread_mutex_unlock(&m);
	}
	pthread_mutex_lock(&m);
	while (turn != (long)arg)
		pthread_cond_wait(&c, &m);
	turn++;
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
	sem_post(&sem);
	return (void *)((long)arg * 2);
}

int main(void)
{
	pthread_t t[5];
	struct timespec ts = { 0, 10000000 }, abs;
	long sum = 0;
	void *r;

	sem_init(&sem, 0, 0);
	for (long i = 0; i < 5; i++)
		T(pthread_create(&t[i], NULL, work, (void *)i));
	for (int i = 0; i < 5; i++)
		sem_wait(&sem);
	for (int i = 0; i < 5; i++) {
		T(pthread_join(t[i], &r));
		sum += (long)r;
	}
	say("n %d turn %d sum %ld\n", n, turn, sum);
	T(syscall(SYS_futex, &word, 0, 4, NULL));
	T(syscall(SYS_futex, &word, 0, 5, &ts));
	T(syscall(SYS_futex, &word, 128, 5, &ts));
	T(syscall(SYS_futex, (char *)&word + 1, 0, 5, &ts));
	T(syscall(SYS_futex, 8, 0, 5, &ts));
	T(syscall(SYS_futex, &word, 1, 5));
	T(syscall(SYS_futex, &word, 9, 5, &ts, NULL, 0));
	T(syscall(SYS_futex, &word, 4, 1, 1, &n, 6));
	T(syscall(SYS_futex, &word, 4, 1, 1, &n, 5));
	T(syscall(SYS_futex, &word, 77, 5));
	clock_gettime(CLOCK_REALTIME, &abs);
	abs.tv_nsec = abs.tv_nsec / 2;
	pthread_mutex_lock(&m);
	say("timed out %d\n", pthread_cond_timedwait(&c, &m, &abs) == ETIMEDOUT);
	/* a word shared by two processes */
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t p = fork();

	if (!p) {
		while (*(volatile int *)shared == 0)
			syscall(SYS_futex, shared, 0, 0, NULL);
		_exit(*shared);
	}
	msleep(20);
	*shared = 9;
	T(syscall(SYS_futex, shared, 1, 10));
	int st;

	waitpid(p, &st, 0);
	say_status("waiter", st);
	return 0;
}
