/** The host parts, loaded when a command needs them: `wikimirror status` must not wait for a web server to be read. */
import type { HostPort } from './host-port.ts';

export const host: HostPort = {
  withMirror: async (...parameters) => (await import('../host/offline.ts')).withMirror(...parameters),
  runDaemon: async (...parameters) => (await import('../host/daemon.ts')).runDaemon(...parameters),
  runPracticeProcess: async (...parameters) => (await import('../host/practice-process.ts')).runPracticeProcess(...parameters),
  actOnPractice: async (...parameters) => (await import('../host/practice-process.ts')).actOnPractice(...parameters),
  setPracticeRate: async (...parameters) => (await import('../host/practice-process.ts')).setPracticeRate(...parameters),
  exportPractice: async (...parameters) => (await import('../host/practice-process.ts')).exportPractice(...parameters),
  writePracticeCorpus: async (...parameters) => (await import('../host/practice-process.ts')).writePracticeCorpus(...parameters),
  login: async (...parameters) => (await import('../host/account.ts')).login(...parameters),
  logout: async (...parameters) => (await import('../host/account.ts')).logout(...parameters),
  hasStoredAccount: async (...parameters) => (await import('../host/account.ts')).hasStoredAccount(...parameters),
  diagnose: async (...parameters) => (await import('../host/account.ts')).diagnose(...parameters),
};
